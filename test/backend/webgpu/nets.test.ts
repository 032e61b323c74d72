import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openDevice } from '../../../src/backend/open.js';
import { WebGpuDevice } from '../../../src/backend/webgpu/device.js';
import { withoutInit } from '../../../src/nn/init.js';
import { AlexNet } from '../../../src/papers/alexnet/model.js';
import { NETS, trainSteps } from '../../support/nets/steps.js';
import { fakeGpu } from './fake-gpu.js';
import { openWebGpu, withoutGpu } from './open.js';

const missing = await withoutGpu();

/** Numbers of kernels of a training step with its guard, on an adapter whose kernels can use 16 buffers. */
const KERNELS: Readonly<Record<keyof typeof NETS, number>> = {
  'four layers': 31,
  'ResNet-20': 182,
  AlexNet: 62,
  'a dense block': 51,
  'a transformer': 81,
};

describe('AlexNet with its own fully connected layers', () => {
  // The buffers of two weights hold nothing else, and one of them is larger than a binding.
  for (const [side, kernels] of [
    [63, 65],
    [224, 64],
  ] as const)
    it(`trains at ${side} × ${side} in few kernels`, async () => {
      const device = new WebGpuDevice(fakeGpu(), { trials: false });
      const make = () => withoutInit(() => new AlexNet({ numClasses: 10, dropout: 0.5 }));
      await trainSteps(device, { make, side, batch: 2, lr: 0.01 }, 1);
      const primitives = (await device.stats())[0]!.primitives;
      assert.equal(primitives, kernels);
      await device.close();
    });
});

describe('networks on webgpu', { skip: missing }, () => {
  for (const [name, net] of Object.entries(NETS))
    it(`${name}: the losses of the reference engine, in a known number of kernels`, async () => {
      const [device, { device: other }] = [await openWebGpu(), await openDevice('reference')];
      try {
        const [got, expected] = [await trainSteps(device, net, 5), await trainSteps(other, net, 5)];
        for (const [step, loss] of got.entries())
          assert.ok(
            Math.abs(loss - expected[step]!) <= 1e-4,
            `step ${step}: ${loss}, expected ${expected[step]}`,
          );
        const steps = (await device.stats()).map(({ primitives }) => primitives);
        if (device.engine.limits.bindings === 16)
          assert.deepEqual(steps, [KERNELS[name as keyof typeof NETS]]);
      } finally {
        await device.close();
        await other.close();
      }
    });

  it('values larger than a binding are split', async () => {
    const net = NETS['four layers'];
    const [whole, split] = [await openWebGpu(), await openWebGpu({ binding: 128 * 1024 })];
    try {
      assert.deepEqual(await trainSteps(split, net, 2), await trainSteps(whole, net, 2));
    } finally {
      await whole.close();
      await split.close();
    }
  });
});
