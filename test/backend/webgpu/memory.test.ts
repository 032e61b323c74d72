import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WebGpuDevice } from '../../../src/backend/webgpu/device.js';
import { DeviceError } from '../../../src/errors/errors.js';
import * as nn from '../../../src/nn/index.js';
import { SGD } from '../../../src/optim/index.js';
import { Parameter } from '../../../src/tensor/parameter.js';
import { manualSeed } from '../../../src/tensor/random.js';
import type { Tensor } from '../../../src/tensor/tensor.js';
import { batchOf } from '../../support/generated.js';
import { NETS } from '../../support/nets/steps.js';
import { fakeGpu } from './fake-gpu.js';
import { openWebGpu, withoutGpu } from './open.js';

const missing = await withoutGpu();

/** A network with its optimizer, and a run with a batch. */
async function prepared(device: WebGpuDevice, name: keyof typeof NETS, training: boolean) {
  manualSeed(1);
  const { make, side } = NETS[name];
  const model = await make().to(device);
  const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  // The weights have their memory now.
  await device.stats();
  const run = async (batch: number): Promise<number> => {
    const [images, labels] = batchOf(batch, [3, side, side], 0);
    const loss = new nn.CrossEntropyLoss().forward(model.forward(images) as Tensor, labels);
    if (training) {
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
    }
    return loss.item();
  };
  return { model, run };
}

/** The batch that an error recommends. */
async function recommended(running: Promise<unknown>, ...words: RegExp[]): Promise<number> {
  let batch = 0;
  await assert.rejects(running, (error) => {
    assert.ok(error instanceof DeviceError, `${error}`);
    for (const word of words) assert.match(error.message, word);
    batch = Number(/use a batch of at most (\d+) instead of \d+, which would fit/.exec(error.message)?.[1]);
    assert.ok(batch > 0, error.message);
    return true;
  });
  return batch;
}

const open = (memory: number, limits = {}): WebGpuDevice =>
  new WebGpuDevice(fakeGpu({ memory, limits }), { trials: false });

describe('memory of webgpu', () => {
  for (const name of Object.keys(NETS) as (keyof typeof NETS)[])
    for (const training of [true, false])
      it(`${name}, ${training ? 'training' : 'inference'}: an error names a batch that fits`, async () => {
        const gpu = fakeGpu();
        const large = await prepared(new WebGpuDevice(gpu, { trials: false }), name, training);
        const before = gpu.used();
        await large.run(96);
        const needed = gpu.used() - before;
        const what = training
          ? /of a training step\. Expected [\d.]+ [MG]iB/
          : /of a run\. Expected [\d.]+ [MG]iB/;
        const { run } = await prepared(open(before + 0.6 * needed), name, training);
        const batch = await recommended(run(96), what, /a refusal after .*out of device memory/);
        await run(batch);
        await assert.rejects(async () => run(Math.ceil(1.15 * batch) + 2), /no memory/);
      });

  it('a value that is larger than a buffer may be', async () => {
    const { run } = await prepared(
      open(2 ** 40, { maxBufferSize: 2 ** 22, maxStorageBufferBindingSize: 2 ** 22 }),
      'four layers',
      true,
    );
    const batch = await recommended(run(500), /in buffers of up to 31\.3 MiB.*buffers have at most 4\.0 MiB/);
    await run(batch);
    await assert.rejects(async () => run(batch + 1), /no memory/);
  });

  it('a value of more ranges than a kernel can bind', async () => {
    const limits = { maxStorageBufferBindingSize: 2 ** 20, maxStorageBuffersPerShaderStage: 10 };
    const { run } = await prepared(open(2 ** 40, limits), 'four layers', true);
    const batch = await recommended(run(500), /needs \d+ ranges .*at most 10, of 1\.0 MiB each/);
    assert.ok(batch > 20, `${batch}`);
    await run(batch);
    await assert.rejects(async () => run(Math.ceil(1.2 * batch) + 2), /ranges of GPU memory/);
  });

  it('not even one example', async () => {
    const { run } = await prepared(open(2 ** 22 + 100_000), 'four layers', true);
    await assert.rejects(
      async () => run(1),
      /smaller model or smaller inputs, since not even a batch of 1 would fit/,
    );
  });

  it('a refused storage leaves the others, and what is free is used', async () => {
    const device = open(10 * 2 ** 20);
    const placed = async (count: number): Promise<Parameter> => {
      const made = new Parameter(new Float32Array(count), [count]);
      await made.place(device);
      return made;
    };
    const first = await placed(1_000_000);
    for (const count of [2_000_000, 6_000_000])
      await assert.rejects(
        async () => (await placed(count)).storage!.read(),
        /no memory for weights and optimizer state/,
      );
    // The buffer that small storages share is full, and there is no memory for a second one of the usual size.
    const second = await placed(100_000);
    for (const parameter of [first, second]) await parameter.storage!.read();
    assert.equal(device.engine.memory.bytes, 2 ** 22 + 400_128);
  });

  it('on an adapter: a step that does not fit changes no weight, and the batch that is named trains', {
    skip: missing,
  }, async (t) => {
    const device = await openWebGpu({ free: () => 24 * 2 ** 20 });
    t.after(() => device.close());
    const { model, run } = await prepared(device, 'four layers', true);
    await run(4);
    const weights = async () => Promise.all([...model.stateDict().values()].map((value) => value.data()));
    const before = await weights();
    const batch = await recommended(run(300), /24\.0 MiB of free memory/);
    assert.deepEqual(await weights(), before);
    assert.ok(Number.isFinite(await run(batch)));
    assert.notDeepEqual(await weights(), before);
  });
});
