import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { scratch } from '../support/toy.js';
import { CLI, launchers, skip, start } from './launch.js';

let root: string;
let remove: () => unknown;
before(async () => {
  root = await scratch({ after: (body) => void (remove = body as () => unknown) });
});
after(() => remove());

const run = (ranks: number, ...args: string[]) =>
  start(launchers.at(-1)!, ranks, [CLI, ...args], { cwd: root }).ended;
const FLAGS =
  '--paper resnet --preset short --dataset shapes10 --device onednn --batch-size 8 --eval-limit 20';

describe('the command line on several ranks', { skip }, () => {
  test('trains one run, which the first rank writes and prints; it resumes', async () => {
    const first = await run(2, 'train', ...FLAGS.split(' '), '--sync-bn', '--max-steps', '3', '--run', 'r');
    assert.equal(first.code, 0, first.stderr);
    assert.equal(first.stdout.split('Finished Training').length, 2, first.stdout);
    assert.equal(first.stderr.split('Device: ').length, 2, first.stderr);
    const metrics = (await readFile(join(root, 'r', 'metrics.jsonl'), 'utf8')).trim().split('\n');
    const steps = metrics.map((line) => JSON.parse(line)).filter(({ event }) => event === 'step');
    assert.deepEqual(
      steps.map(({ step, ranks }) => [step, ranks]),
      [1, 2, 3].map((step) => [step, 2]),
    );
    for (const { waitShare, exchangeShare, slowestRank } of steps) {
      for (const share of [waitShare, exchangeShare]) assert.ok(share >= 0 && share <= 1, `${share}`);
      assert.ok(slowestRank === 0 || slowestRank === 1);
    }
    const second = await run(2, 'train', '--resume', '--run', 'r', '--max-steps', '4');
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stderr, /Resuming after step 3/);
    assert.ok(!existsSync(join(root, 'runs')));
  });

  test('refuses once what all ranks refuse', async () => {
    const { code, stderr } = await run(2, 'train', ...FLAGS.split(' '), '--run', 'r');
    assert.equal(code, 2, stderr);
    assert.equal(stderr.split('There is a run in r already').length, 2, stderr);
  });

  test('refuses numbers of ranks that do not divide the blocks of a batch', async () => {
    const { code, stderr } = await run(3, 'train', ...FLAGS.split(' '), '--blocks', '4', '--run', 'never');
    assert.equal(code, 2, stderr);
    assert.match(stderr, /--blocks 4 is not possible.*1, 2, 4 … 4 ranks; got 3 ranks/);
    assert.ok(!existsSync(join(root, 'never')));
  });

  test('ends with the code of a signal that only one rank gets', {
    skip: process.platform !== 'linux',
  }, async () => {
    const flags = [...FLAGS.split(' '), '--run', 'signalled'];
    const job = start(launchers.at(-1)!, 2, [CLI, 'train', ...flags], { cwd: root });
    for (let i = 0; i < 600 && !existsSync(join(root, 'signalled', 'metrics.jsonl')); i++) await sleep(100);
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
      try {
        const [arguments_, environment] = ['cmdline', 'environ'].map((name) =>
          readFileSync(`/proc/${pid}/${name}`, 'utf8').split('\0'),
        ) as [string[], string[]];
        const isSecond = environment.some((line) => /^(PMI|OMPI_COMM_WORLD)_RANK=1$/.test(line));
        if (isSecond && arguments_.includes('signalled') && readlinkSync(`/proc/${pid}/cwd`) === root)
          process.kill(Number(pid), 'SIGTERM');
      } catch {
        // The process has ended, or belongs to someone else.
      }
    const { code, stderr } = await job.ended;
    assert.equal(code, 143, stderr);
    assert.equal(stderr.split('Interrupted after step').length, 2, stderr);
  });

  test('doctor shows the ranks', async () => {
    const { code, stdout, stderr } = await run(2, 'doctor');
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /^MPI +(Open MPI|MPICH).*\nrank 0 .*\nrank 1 .*\nexchange +\d+ µs for one number; .* GB\/s\)$/m,
    );
  });
});
