import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { smallDisk } from '../support/system/disk.js';
import { scratch } from '../support/toy.js';
import { allRanks, killRanks } from './kill.js';
import { child, launchers, runChild, skip, start } from './launch.js';

let root: string;
let remove: () => unknown;
before(async () => {
  root = await scratch({ after: (body) => void (remove = body as () => unknown) });
});
after(() => remove());

const config = { syncBn: true, epochs: 4, maxSteps: 20, checkpointEvery: 2 };
const weightsOf = async (path: string) =>
  (JSON.parse(await readFile(`${path}.json`, 'utf8')) as { weights: number[] }).weights;
/** The heartbeats' limit, shorter than the pauses of these tests. */
const env = { PAPERWEIGHT_SILENCE_SECONDS: '3' };

async function said(job: ReturnType<typeof start>, what: string): Promise<void> {
  let over = false;
  void job.ended.then(() => {
    over = true;
  });
  while (!job.output().includes(what) && !over) await sleep(50);
}

describe('ranks that are held together', { skip }, () => {
  test('a pause on request holds all ranks, however long, and changes nothing', async () => {
    for (const [i, launcher] of launchers.entries()) {
      const path = join(root, `pause-${i}`);
      const given = { path, slow: 50, config };
      const job = start(launcher, 2, [child('toy'), JSON.stringify(given)], { env });
      await said(job, 'started');
      const ask = (action: string) =>
        writeFile(join(path, 'control.json'), JSON.stringify({ action, id: action }));
      await ask('pause');
      const file = join(path, 'log.jsonl');
      const log = () => (existsSync(file) ? readFileSync(file, 'utf8') : '');
      for (let i = 0; i < 200 && !log().includes('Paused after'); i++) await sleep(50);
      assert.match(log(), /Paused after step/);
      await sleep(4000);
      await ask('resume');
      const { code, stdout, stderr } = await job.ended;
      assert.equal(code, 0, stderr);
      assert.match(stdout, /finished 20/);
      assert.match(log(), /Resumed after step/);
      assert.deepEqual(await weightsOf(path), await weightsOf(await unbroken()));
    }
  });

  test('a long preparation of all ranks is not an endless loop of one', async () => {
    const path = join(root, 'prepare');
    const given = { path, prepare: 9000, config: { ...config, maxSteps: 2 } };
    const { code, stdout, stderr } = await runChild(launchers[0]!, 2, 'toy', [JSON.stringify(given)], {
      env,
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /finished 2/);
  });

  test('all stopped and continued, no rank suspects another', async () => {
    for (const [i, launcher] of launchers.entries()) {
      const path = join(root, `stop-${i}`);
      const job = start(launcher, 2, [child('toy'), JSON.stringify({ path, slow: 50, config })], { env });
      const ranks = await allRanks(path, 2, () => job.output().includes('finished'));
      await said(job, 'started');
      // The terminal's signal is ignored by processes whose launcher has given them a session of their own.
      for (const pid of ranks!) process.kill(pid, 'SIGSTOP');
      await sleep(5000);
      for (const pid of ranks!) process.kill(pid, 'SIGCONT');
      const { code, stdout, stderr } = await job.ended;
      assert.equal(code, 0, stderr);
      assert.match(stdout, /finished 20/);
      assert.deepEqual(await weightsOf(path), await weightsOf(await unbroken()));
    }
  });
});

describe('all ranks that are told to end', { skip }, () => {
  test('leave a whole checkpoint, from which the run goes on (Ctrl-C)', async () => {
    for (const [i, launcher] of launchers.entries()) {
      const path = join(root, `interrupt-${i}`);
      const job = start(launcher, 2, [child('toy'), JSON.stringify({ path, slow: 100, config })]);
      await said(job, 'started');
      await sleep(800);
      // As a terminal does: the launcher gets it, and the processes that it has left in its group.
      process.kill(-job.pid, 'SIGINT');
      const ended = await job.ended;
      assert.doesNotMatch(ended.stdout, /finished/);
      const resumed = await runChild(launcher, 2, 'toy', [JSON.stringify({ path, config, resume: true })]);
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.match(resumed.stdout, /finished 20/);
      assert.ok(Number(/started at (\d+)/.exec(resumed.stdout)?.[1]) > 1, resumed.stdout + ended.stderr);
      assert.deepEqual(await weightsOf(path), await weightsOf(await unbroken()));
    }
  });
});

/** The same run without a pause. */
let whole: Promise<string> | undefined;
function unbroken(): Promise<string> {
  const path = join(root, 'whole');
  whole ??= runChild(launchers[0]!, 2, 'toy', [JSON.stringify({ path, config })]).then(({ code, stderr }) => {
    assert.equal(code, 0, stderr);
    return path;
  });
  return whole;
}

describe('what only the first rank notices', { skip }, () => {
  test('a full disk ends the job with an error of that rank; the run resumes from its checkpoint', async (t) => {
    for (const launcher of launchers) {
      const disk = smallDisk(t, 2 ** 22);
      if (!disk) return;
      const path = join(disk.path, 'run');
      const fault = { rank: 0, step: 5, kind: 'fill' };
      const failed = await runChild(launcher, 2, 'toy', [JSON.stringify({ path, slow: 50, config, fault })]);
      assert.notEqual(failed.code, 0, failed.stdout);
      assert.match(failed.stderr, /rank 0 of 2 \(.+\): .*full disk \(ENOSPC\).*Next: free some space/);
      await disk.free();
      const resumed = await runChild(launcher, 2, 'toy', [JSON.stringify({ path, config, resume: true })]);
      assert.equal(resumed.code, 0, resumed.stderr);
      const at = Number(/started at (\d+)/.exec(resumed.stdout)?.[1]);
      assert.ok(at > 1 && at < 20, resumed.stdout);
      assert.deepEqual(await weightsOf(path), await weightsOf(await unbroken()));
    }
  });
});

describe('a random rank killed at a random instant', { skip }, () => {
  for (const [i, launcher] of launchers.entries())
    test(`never loses the run (${launcher.name})`, async () => {
      const left = i === 0;
      const found = await killRanks(join(root, `kill-${i}`), {
        launcher,
        kills: 3,
        seed: 5 + i,
        left,
        within: 1500,
      });
      assert.deepEqual(found.lost, []);
      assert.equal(found.kept, 3);
      assert.ok(left ? found.distance < 1e-3 : found.distance === 0, `${found.distance}`);
    });
});
