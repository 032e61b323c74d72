import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { CheckpointError, UsageError } from '../../src/errors/errors.js';
import { takeLock } from '../../src/files/lock.js';
import { RunFolder } from '../../src/run/run-folder.js';
import { UNWRITABLE } from '../support/system/disk.js';
import { onWine } from '../support/system/wine.js';
import { scratch, toyConfig, toyRun } from '../support/toy.js';

const CHILD = fileURLToPath(new URL('../support/children/lock.js', import.meta.url));
const KINDS = process.platform === 'darwin' ? (['flock'] as const) : (['flock', 'name'] as const);
/** Why a process cannot be stopped for a while. */
const NO_SIGNALS = process.platform === 'win32' && 'Windows has no signals between processes';
const own = (kind: string) => (kind === 'name' ? [async () => 'impossible' as const] : []);

interface Taker {
  readonly process: ChildProcess;
  readonly says: Promise<string>;
}

/** A process that tries to take the lock at a time; it ends with the test. */
function taker(t: TestContext, folder: string, time: number, kind: string): Taker {
  const child = spawn(process.execPath, [CHILD, folder, String(time), kind], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const says = once(child.stdout, 'data').then(([text]) => String(text));
  t.after(() => child.kill('SIGKILL'));
  return { process: child, says };
}

const killed = async ({ process: child }: Taker): Promise<void> => {
  const ended = child.exitCode === null && child.signalCode === null ? once(child, 'close') : undefined;
  child.kill('SIGKILL');
  await ended;
};

for (const kind of KINDS) {
  test(`${kind}: of many processes, exactly one gets the lock; after it is killed, the next one does`, {
    skip: kind === 'name' && onWine('several processes create one named pipe as its first'),
  }, async (t) => {
    const folder = await scratch(t);
    // Several rounds with the file of a dead owner, where processes could race.
    for (let round = 0; round < 3; round++) {
      const time = Date.now() + 700;
      const takers = Array.from({ length: 8 }, () => taker(t, folder, time, kind));
      const said = await Promise.all(takers.map(({ says }) => says));
      const winners = takers.filter((_, i) => said[i] === `has ${kind}\n`);
      assert.equal(winners.length, 1, said.join(''));
      const pid = winners[0]!.process.pid;
      for (const text of said.filter((line) => !line.startsWith('has ')))
        assert.match(text, /^UsageError: The run in .* is being trained by another process\./);
      await assert.rejects(takeLock(folder, ...own(kind)), (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, new RegExp(`process ${pid} on .*, since 20\\d\\d-`));
        return true;
      });
      await Promise.all(takers.map(killed));
      assert.ok(existsSync(join(folder, 'run.lock')));
    }
    const lock = await takeLock(folder, ...own(kind));
    assert.equal(lock.kind, kind);
    await lock.release();
    assert.deepEqual(await readdir(folder), []);
  });

  test(`${kind}: a stopped process keeps its lock`, { skip: NO_SIGNALS }, async (t) => {
    const folder = await scratch(t);
    const holder = taker(t, folder, 0, kind);
    assert.equal(await holder.says, `has ${kind}\n`);
    holder.process.kill('SIGSTOP');
    await assert.rejects(takeLock(folder, ...own(kind)), UsageError);
    await killed(holder);
    await (await takeLock(folder, ...own(kind))).release();
  });
}

test('without flock, macOS takes a name too', {
  skip: process.platform === 'win32' && 'Windows has no flock',
}, async (t) => {
  const folder = await scratch(t);
  const take = () => takeLock(folder, async () => 'impossible', 'darwin');
  const lock = await take();
  assert.equal(lock.kind, 'name');
  await assert.rejects(take(), UsageError);
  await lock.release();
  await (await take()).release();
});

test('a run in a folder with a long path is locked by the file, on every system', async (t) => {
  const folder = join(await scratch(t), ...Array.from({ length: 6 }, (_, i) => `${i}`.repeat(60)));
  await mkdir(folder, { recursive: true });
  const lock = await takeLock(folder);
  assert.equal(lock.kind, 'flock');
  await assert.rejects(takeLock(folder), UsageError);
  await lock.release();
});

test('a lock file with the id of a living process does not mean that the lock is held', async (t) => {
  const folder = await scratch(t);
  const owner = { pid: process.pid, host: 'here', since: new Date().toISOString() };
  await writeFile(join(folder, 'run.lock'), JSON.stringify(owner));
  await (await takeLock(folder)).release();
});

test('a lock file that its owner removes at the last moment is not taken for the lock', {
  skip: onWine('a removed file keeps its name while it is open'),
}, async (t) => {
  const folder = await scratch(t);
  let asked = 0;
  const lock = await takeLock(folder, async () => {
    // The owner ends between the opening of the file here and the system's answer.
    if (++asked === 1) await rm(join(folder, 'run.lock'));
    return 'taken';
  });
  assert.equal(asked, 2);
  assert.match(await readFile(join(folder, 'run.lock'), 'utf8'), new RegExp(`"pid":${process.pid}`));
  await lock.release();
});

test('a folder that is not writable is rejected', {
  skip: !UNWRITABLE && 'no folder refuses root',
}, async () => {
  await assert.rejects(takeLock(UNWRITABLE!), (error) => {
    assert.ok(error instanceof CheckpointError);
    assert.match(error.message, /^cannot lock the run in /);
    return true;
  });
});

test('a run that is being trained cannot be resumed by another process until it ends', async (t) => {
  const device = referenceDevice();
  const path = join(await scratch(t), 'run');
  let seen: Promise<unknown> | undefined;
  const config = toyConfig({ maxSteps: 4 });
  const step = () => {
    seen ??= assert.rejects(
      toyRun(device, path, { resume: true, config }),
      /is being trained by another process/,
    );
  };
  const { trainer } = await toyRun(device, path, { hooks: { step }, config });
  await trainer.run();
  await seen;
  const again = await toyRun(device, path, { resume: true, config });
  await assert.rejects(toyRun(device, path, { resume: true, config }), UsageError);
  assert.ok(await again.trainer.run());
  assert.ok(!(await readdir(path)).includes('run.lock'));
});

test('partly written files of a killed process are removed, and all others stay', async (t) => {
  const path = join(await scratch(t), 'run');
  const folder = await RunFolder.create(path, toyConfig());
  const left = ['.state.json.0123456789ab.tmp', 'checkpoints/.step-00000001.safetensors.0123456789ab.tmp'];
  const others = [
    '.label.json.0123456789ab.tmp',
    'notes.tmp',
    '.mine.tmp',
    'checkpoints/.state.json.012.tmp',
  ];
  await mkdir(join(path, 'kernels'));
  for (const name of [...left, ...others]) await writeFile(join(path, name), 'x');
  // Not while another process is at work there.
  const lock = await takeLock(path);
  await assert.rejects(folder.lock(), UsageError);
  for (const name of left) assert.ok(existsSync(join(path, name)), name);
  await lock.release();
  await folder.lock();
  for (const name of left) assert.ok(!existsSync(join(path, name)), name);
  for (const name of others) assert.equal(await readFile(join(path, name), 'utf8'), 'x');
  await folder.unlock();
  await rm(path, { recursive: true });
});
