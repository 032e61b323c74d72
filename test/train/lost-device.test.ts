import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import threads, { type Worker } from 'node:worker_threads';
import type { Device } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/open.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { scratch, toyRun } from '../support/toy.js';
import { uninterrupted } from './uninterrupted.js';

/** Every thread that this thread has started: the latest is that of the device opened last. */
const started: Worker[] = [];

/** A wasm device, and what ends its thread, as the system does where memory is short. */
async function open(): Promise<{ device: Device; lose: () => Promise<unknown> }> {
  const { device } = await openDevice('wasm', { threads: 1 });
  const thread = started.at(-1)!;
  return { device, lose: () => thread.terminate() };
}

const LOST = {
  name: 'DeviceError',
  message: /The wasm device's thread has ended, .*got exit code 1\. Next: open the device again; .*--resume/,
};

const { device: whole } = await openDevice('wasm', { threads: 1 });

describe('a device whose thread is lost', () => {
  const { Worker: Real } = threads;
  before(() => {
    threads.Worker = class extends Real {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        super(...args);
        started.push(this);
      }
    };
    syncBuiltinESMExports();
  });
  after(async () => {
    threads.Worker = Real;
    syncBuiltinESMExports();
    await whole.close();
  });
  const expected = uninterrupted(whole);

  it('says so in the call that waits and in later ones; another device opens', async () => {
    const { device, lose } = await open();
    const p = new Parameter(Float32Array.of(1, 2), [2]);
    await p.place(device);
    const waiting = assert.rejects(device.sgemmRate(2048, 100), LOST);
    await lose();
    await waiting;
    await assert.rejects(p.sum().item(), LOST);
    await device.close();
    const again = await open();
    const q = new Parameter(Float32Array.of(3, 4), [2]);
    await q.place(again.device);
    assert.equal(await q.sum().item(), 7);
    await again.device.close();
  });

  it('ends a training with its error; resumed, it gives what it would have given', async (t) => {
    const path = join(await scratch(t), 'run');
    const { device, lose } = await open();
    const { trainer, folder } = await toyRun(device, path, {
      hooks: { step: ({ step }) => void (step === 10 && lose()) },
    });
    await assert.rejects(trainer.run(), LOST);
    await device.close();
    const { status, error } = JSON.parse(await readFile(join(path, 'process.json'), 'utf8'));
    assert.equal(status, 'failed');
    assert.match(error, LOST.message);
    assert.ok(!existsSync(join(path, 'run.lock')));
    assert.match((await folder.state()).latest!, /^step-0000000[68]\.safetensors$/);
    const again = await open();
    const resumed = await toyRun(again.device, path, { resume: true });
    assert.ok(await resumed.trainer.run());
    await expected.same(resumed.folder);
    await again.device.close();
  });
});
