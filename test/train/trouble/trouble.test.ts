import assert from 'node:assert/strict';
import fs, { existsSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { CheckpointError } from '../../../src/errors/errors.js';
import { readSafetensors } from '../../../src/interop/safetensors/checked.js';
import type { Observer } from '../../../src/run/events.js';
import { endingOf, startChild } from '../../support/kill.js';
import { smallDisk } from '../../support/system/disk.js';
import { scratch, toyRun } from '../../support/toy.js';
import { uninterrupted } from '../uninterrupted.js';

const device = referenceDevice();
const atStep = (bodies: Readonly<Record<number, () => unknown>>): Observer => ({
  step: ({ step }) => void bodies[step]?.(),
});

const { same } = uninterrupted(device);

test('a temporarily full disk: the run continues, reports it, and nothing is missing in the end', async (t) => {
  const disk = smallDisk(t);
  if (!disk) return;
  const path = join(disk.path, 'run');
  let between: { latest?: string } = {};
  const { trainer, folder, recorder } = await toyRun(device, path, {
    hooks: atStep({
      7: () => disk.fill(),
      9: async () => {
        between = await folder.state();
        await readSafetensors(folder.checkpoints.file(between.latest!));
      },
      10: () => disk.free(),
    }),
  });
  assert.ok(await trainer.run());
  await same(folder);
  // The earlier checkpoint existed all the time.
  assert.match(between.latest!, /step-0000000[46]/);
  const notes = recorder.notes.join('\n');
  assert.match(notes, /cannot write .*There is no checkpoint at step 8\. The run continues/s);
  const log = await readFile(join(path, 'log.jsonl'), 'utf8');
  assert.match(log, /There is no checkpoint at step 8/);
});

test('a file system that is temporarily read-only', async (t) => {
  let readOnly = false;
  const refuse = () => {
    if (readOnly) throw Object.assign(new Error('EROFS: read-only file system, open'), { code: 'EROFS' });
  };
  const { openSync } = fs;
  const { open } = fs.promises;
  fs.openSync = ((...args: Parameters<typeof openSync>) => {
    if (args[1] !== 'r') refuse();
    return openSync(...args);
  }) as typeof openSync;
  fs.promises.open = async (...args) => {
    if (args[1] !== 'r') refuse();
    return open(...args);
  };
  syncBuiltinESMExports();
  t.after(() => {
    fs.openSync = openSync;
    fs.promises.open = open;
    syncBuiltinESMExports();
  });
  const { trainer, folder, recorder } = await toyRun(device, join(await scratch(t), 'run'), {
    hooks: atStep({ 7: () => (readOnly = true), 13: () => (readOnly = false) }),
  });
  assert.ok(await trainer.run());
  await same(folder);
  const notes = recorder.notes.join('\n');
  assert.match(notes, /cannot write .*metrics\.jsonl\..*read-only.*\nThe run continues; its lines are kept/);
  assert.match(
    notes,
    /metrics\.jsonl can be written again and is complete: \d+ delayed lines were written\./,
  );
});

test('a disk that stays full: the run ends with an error, and saved files are intact', async (t) => {
  const disk = smallDisk(t);
  if (!disk) return;
  const path = join(disk.path, 'run');
  const first = await toyRun(device, path, { hooks: atStep({ 9: () => disk.fill() }) });
  await assert.rejects(first.trainer.run(), (error) => {
    assert.ok(error instanceof CheckpointError, String(error));
    assert.match(error.message, /full disk \(ENOSPC\).*Next: free some space/);
    return true;
  });
  await readSafetensors(first.folder.checkpoints.file((await first.folder.state()).latest!));
  await disk.free();
  const second = await toyRun(device, path, { resume: true });
  assert.equal(second.trainer.step, 8);
  assert.ok(await second.trainer.run());
  await same(second.folder);
});

test('a failed checkpoint is retried after a minute, not only when the next is due', async (t) => {
  const disk = smallDisk(t);
  if (!disk) return;
  const real = performance.now.bind(performance);
  let ahead = 0;
  t.mock.method(performance, 'now', () => real() + ahead);
  const { trainer, recorder } = await toyRun(device, join(disk.path, 'run'), {
    hooks: atStep({ 7: () => disk.fill(), 9: () => disk.free().then(() => (ahead += 61_000)) }),
  });
  await trainer.run();
  const steps = recorder.checkpoints.map((file) => Number(/\d+/.exec(file)![0]));
  const next = steps.find((step) => step > 8)!;
  assert.ok(next > 9 && next < 12, `${steps}`);
});

test('removing the run folder ends the run, which does not create it again', async (t) => {
  const path = join(await scratch(t), 'run');
  const { trainer } = await toyRun(device, path, {
    hooks: atStep({ 5: () => rmSync(path, { recursive: true }) }),
  });
  await assert.rejects(trainer.run(), (error) => {
    assert.ok(error instanceof CheckpointError, String(error));
    assert.match(error.message, /cannot write .*no such file or folder/);
    return true;
  });
  assert.ok(!existsSync(path));
});

test('clock jumps and a paused process do not change the result', async (t) => {
  const folder = await scratch(t);
  const options = { maxSteps: 12, checkpointEvery: 4 };
  const plain = startChild(join(folder, 'plain'), options);
  assert.equal((await plain.ended).code, 0);

  const clock = fileURLToPath(new URL('../../support/system/jumping-clock.js', import.meta.url));
  const jumping = startChild(join(folder, 'jumping'), options, 'fixed', ['--import', clock]);
  const { code, stderr } = await jumping.ended;
  assert.equal(code, 0, stderr);

  const stopped = startChild(join(folder, 'stopped'), options);
  await stopped.at;
  stopped.process.kill('SIGSTOP');
  await sleep(1500);
  stopped.process.kill('SIGCONT');
  assert.equal((await stopped.ended).code, 0);

  const expected = endingOf(join(folder, 'plain'));
  for (const name of ['jumping', 'stopped']) {
    const got = endingOf(join(folder, name));
    assert.ok(expected.checkpoint.equals(got.checkpoint), name);
    assert.equal(got.metrics, expected.metrics);
    const lines = (await readFile(join(folder, name, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    for (const line of lines.map((text) => JSON.parse(text)).filter(({ event }) => event === 'step'))
      for (const key of ['stepSeconds', 'dataSeconds', 'imagesPerSecond'])
        assert.ok(line[key] >= 0 && line[key] < 1e6, `${name}: ${key} ${line[key]}`);
  }
});
