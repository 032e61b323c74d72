import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { openDevice } from '../../../src/backend/open.js';
import { DeviceError } from '../../../src/errors/errors.js';
import {
  AdaptiveAvgPool2d,
  Conv2d,
  CrossEntropyLoss,
  Flatten,
  Linear,
  LocalResponseNorm,
  MaxPool2d,
  ReLU,
  Sequential,
} from '../../../src/nn/index.js';
import { SGD } from '../../../src/optim/index.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { tensor } from '../../../src/tensor/tensor.js';
import { conformance } from '../../support/conformance.js';
import { batchOf } from '../../support/generated.js';

const open = async (precision: 'float32' | 'bfloat16') =>
  (await openDevice('onednn', { threads: 2, precision })).device;

// bfloat16 has 8 significant bits: a relative error of 1/256, also for sums of products.
conformance('onednn in bfloat16', () => open('bfloat16'), {
  rtol: 4e-2,
  atol: 4e-2,
  skipForms:
    'which of two close values is the largest depends on rounding; the differential fuzzer compares bfloat16 layer by layer',
});

/** Convolution, pooling, dropout and linear layers, with whole vectors of channels and a large linear layer. */
const net = (): Sequential => {
  manualSeed(7);
  return new Sequential(
    new Conv2d(3, 32, 5, { stride: 2, padding: 2 }),
    new LocalResponseNorm(5),
    new ReLU(),
    new MaxPool2d(3, { stride: 2 }),
    new Conv2d(32, 64, 3, { padding: 1 }),
    new ReLU(),
    new MaxPool2d(3, { stride: 2 }),
    new AdaptiveAvgPool2d(4),
    new Flatten(),
    new Linear(1024, 512),
    new ReLU(),
    new Linear(512, 10),
  );
};

/** Trains on two alternating batches. @returns losses and final parameters */
async function train(device: Device, steps: number) {
  const model = await net().to(device);
  const optimizer = new SGD(model.namedParameters(), { lr: 0.02, momentum: 0.9 });
  const batches = [0, 1].map((n) => batchOf(16, [3, 32, 32], n));
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const [images, labels] = batches[i % 2]!;
    optimizer.zeroGrad();
    const loss = new CrossEntropyLoss().forward(model.forward(images), labels);
    loss.backward();
    optimizer.step();
    losses.push(await loss.item());
  }
  const parameters = new Map<string, Float32Array>();
  for (const [name, p] of model.namedParameters()) parameters.set(name, (await p.data()) as Float32Array);
  return { model, losses, parameters };
}

describe('training in bfloat16', () => {
  let [half, full]: Device[] = [];
  before(async () => {
    [half, full] = [await open('bfloat16'), await open('float32')];
  });
  after(async () => {
    await half!.close();
    await full!.close();
  });

  it('reports its precision', async () => {
    assert.equal((await half!.info()).precision, 'bfloat16');
    assert.equal((await full!.info()).precision, 'float32');
  });

  it('has losses close to those of float32, and parameters in full float32 precision', async () => {
    const [a, b] = [await train(half!, 30), await train(full!, 30)];
    a.losses.forEach((loss, i) => {
      const expected = b.losses[i]!;
      assert.ok(Math.abs(loss - expected) < 0.02 + 0.05 * expected, `step ${i}: ${loss}, not ${expected}`);
    });
    assert.ok(a.losses.at(-2)! < 0.9 * a.losses[0]!, `learns: ${a.losses}`);
    assert.notDeepEqual(a.losses, b.losses, 'bfloat16 was not used');
    for (const [name, values] of a.parameters) {
      const kept = values.filter((v) => (new Uint32Array(Float32Array.of(v).buffer)[0]! & 0xffff) !== 0);
      assert.ok(kept.length > 0.9 * values.length, `${name} has been rounded to bfloat16`);
    }
  });

  it('gives the same bits each time', async () => {
    const [a, b] = [await train(half!, 5), await train(half!, 5)];
    assert.deepEqual(a.losses, b.losses);
    assert.deepEqual(a.parameters, b.parameters);
  });
});

describe('the choice of precision', () => {
  it('rejects bfloat16 on a device without it', async () => {
    await assert.rejects(openDevice('reference', { precision: 'bfloat16' }), (error) => {
      assert.ok(error instanceof DeviceError);
      assert.match(error.message, /bfloat16/);
      return true;
    });
  });

  it('is float32 if kernels may not be timed', async () => {
    assert.equal(process.env.PAPERWEIGHT_KERNELS, 'fixed', 'the test command sets this');
    const { device, why } = await openDevice('onednn', { threads: 2, precision: 'auto' });
    assert.equal((await device.info()).precision, 'float32');
    assert.match(why, /float32/);
    await device.close();
  });
});

describe('weights that only meet padding', () => {
  it('have a gradient of 0, whatever their memory held before', async () => {
    const device = await open('bfloat16');
    const ones = (shape: number[]) =>
      tensor(new Float32Array(shape.reduce((a, d) => a * d, 1)).fill(1), { shape });
    const dirty = await ones([64, 4096]).to(device);
    const x = await ones([6, 16, 2, 2]).to(device);
    for (let round = 0; round < 3; round++) {
      await dirty.mul(1e30).data();
      const conv = await new Conv2d(16, 1, [4, 3], { stride: 3, padding: 1 }).to(device);
      conv.forward(x).sum().backward();
      const grad = await conv.weight.grad!.data();
      // Rows of the kernel: padding, two rows of the image, padding. Its last column meets the image's second.
      grad.forEach((value, i) => {
        const [row, column] = [Math.floor(i / 3) % 4, i % 3];
        const expected = (row === 1 || row === 2) && column > 0 ? 6 : 0;
        assert.equal(value, expected, `row ${row}, column ${column}`);
      });
    }
    await device.close();
  });
});
