import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Device } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/open.js';
import { startTimeOf } from '../../src/run/process-file.js';
import { scratch, ToySet, toyConfig, toyRun } from '../support/toy.js';

describe('requests to a run', () => {
  let device: Device;
  before(async () => {
    ({ device } = await openDevice('reference'));
  });
  after(() => device?.close());

  /** Written atomically, as required of all writers. */
  function put(path: string, text: string): void {
    writeFileSync(join(path, 'control.tmp'), text);
    renameSync(join(path, 'control.tmp'), join(path, 'control.json'));
  }
  const request = (path: string, content: unknown) => put(path, JSON.stringify(content));
  const processOf = async (path: string) => JSON.parse(await readFile(join(path, 'process.json'), 'utf8'));
  async function until(fits: () => Promise<boolean>): Promise<void> {
    for (let i = 0; i < 2400; i++) {
      if (await fits()) return;
      await sleep(50);
    }
    assert.fail('it did not come to that in two minutes');
  }

  /** Long enough for requests to be handled during the run. */
  const config = toyConfig({ epochs: 2000, checkpointEvery: 100_000, insightEvery: 0, evalLimit: 4 });
  async function start(t: Parameters<typeof scratch>[0], abort = new AbortController()) {
    // A failed test must not leave a training run behind.
    t.after(() => abort.abort());
    const path = await scratch(t);
    const run = await toyRun(device, path, { config, testSet: new ToySet(4, 2), signal: abort.signal });
    return { path, ...run, ended: run.trainer.run() };
  }

  test('pause waits, resume continues, stop ends with a checkpoint; each is reported', async (t) => {
    const { path, trainer, folder, recorder, ended } = await start(t);
    await until(async () => (await processOf(path).catch(() => ({}))).status === 'training');
    const { pid, startTime } = await processOf(path);
    assert.deepEqual([pid, startTime], [process.pid, await startTimeOf(process.pid)]);
    if (process.platform === 'linux') assert.match(startTime, /^\d+$/);
    request(path, { action: 'pause', id: 'a' });
    await until(async () => (await processOf(path)).status === 'paused');
    const at = trainer.step;
    const { latest } = await folder.state();
    await sleep(600);
    assert.equal(trainer.step, at);
    assert.equal((await folder.state()).latest, latest);
    // The same request again, in a file with a new modification time.
    request(path, { action: 'resume', id: 'a' });
    await sleep(600);
    assert.equal(trainer.step, at);
    request(path, { action: 'resume', id: 'b' });
    await until(async () => trainer.step > at);
    assert.equal((await processOf(path)).status, 'training');
    request(path, { action: 'stop', id: 'c' });
    assert.equal(await ended, undefined);
    assert.equal((await processOf(path)).status, 'interrupted');
    assert.match((await folder.state()).latest!, new RegExp(`0*${trainer.step}\\.safetensors`));
    assert.deepEqual(recorder.notes, [
      `Paused after step ${at}.`,
      `Resumed after step ${at}.`,
      'Stop requested: the run will save a checkpoint and end after this step.',
    ]);
    const log = (await readFile(join(path, 'log.jsonl'), 'utf8')).trim().split('\n');
    assert.deepEqual(
      log
        .map((line) => JSON.parse(line))
        .filter(({ event }) => event === 'note')
        .map(({ text }) => text),
      recorder.notes,
    );
  });

  test('Ctrl-C ends a paused run', async (t) => {
    const abort = new AbortController();
    const { path, folder, trainer, ended } = await start(t, abort);
    request(path, { action: 'pause', id: 'a' });
    await until(async () => (await processOf(path).catch(() => ({}))).status === 'paused');
    abort.abort();
    assert.equal(await ended, undefined);
    assert.equal((await processOf(path)).status, 'interrupted');
    assert.match((await folder.state()).latest!, new RegExp(`0*${trainer.step}\\.safetensors`));
  });

  test('a request that is not valid is ignored and reported', async (t) => {
    const { path, recorder, trainer, ended } = await start(t);
    const bad = ['{', '[]', '{"action":"format","id":"x"}', '{"action":"stop"}', `"${'x'.repeat(5000)}"`];
    for (const [i, text] of bad.entries()) {
      put(path, text);
      await until(async () => recorder.notes.length === i + 1);
      assert.match(recorder.notes[i]!, /control\.json is not a valid request and is ignored: ./);
    }
    const at = trainer.step;
    rmSync(join(path, 'control.json'));
    await until(async () => trainer.step > at);
    request(path, { action: 'stop', id: 'x' });
    assert.equal(await ended, undefined);
    assert.equal(recorder.notes.length, bad.length + 1);
  });

  test('a request from before the start of the run is ignored', async (t) => {
    const path = await scratch(t);
    request(path, { action: 'stop', id: 'old' });
    const { trainer, recorder } = await toyRun(device, path);
    assert.ok(await trainer.run());
    assert.equal((await processOf(path)).status, 'done');
    assert.deepEqual(recorder.notes, []);
  });

  test('a failed run stores its error', async (t) => {
    const path = await scratch(t);
    const { trainer } = await toyRun(device, path, { config: toyConfig({ lr: 1e30, epochs: 10 }) });
    await assert.rejects(trainer.run());
    const { status, error } = await processOf(path);
    assert.equal(status, 'failed');
    assert.match(error, /^Training diverged at step \d+: .*Expected a finite loss/);
  });
});
