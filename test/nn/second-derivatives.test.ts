import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDevice } from '../../src/backend/open.js';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { functional as F } from '../../src/nn/index.js';
import { grad } from '../../src/tensor/grad.js';
import { setDefaultDevice } from '../../src/tensor/realize.js';
import { full, type Tensor, tensor } from '../../src/tensor/tensor.js';
import { readFixture } from '../support/generated.js';

interface Derivatives {
  readonly target: number;
  readonly first: readonly number[];
  readonly second: readonly number[];
}
/** PyTorch's numbers: `test/fixtures/make_second_derivatives.py`. */
const { x: X, losses } = readFixture<{ x: number[]; losses: Record<string, Derivatives> }>(
  'second-derivatives.json',
);

const sum = { reduction: 'sum' } as const;
const LOSSES: Record<string, (x: Tensor, y: Tensor) => Tensor> = {
  mseLoss: (x, y) => F.mseLoss(x, y, sum),
  smoothL1Loss: (x, y) => F.smoothL1Loss(x, y, sum),
  'smoothL1Loss, beta 0.5': (x, y) => F.smoothL1Loss(x, y, { ...sum, beta: 0.5 }),
  huberLoss: (x, y) => F.huberLoss(x, y, sum),
  'huberLoss, delta 0.5': (x, y) => F.huberLoss(x, y, { ...sum, delta: 0.5 }),
  binaryCrossEntropyWithLogits: (x, y) => F.binaryCrossEntropyWithLogits(x, y, sum),
  poissonNllLoss: (x, y) => F.poissonNllLoss(x, y, sum),
};

for (const name of ['reference', 'onednn', 'wasm'] as const)
  test(`losses have PyTorch’s second derivatives, also at a difference of 0, on ${name}`, async () => {
    const { device } = await openDevice(name, { threads: 1 });
    setDefaultDevice(device);
    try {
      assert.deepEqual(Object.keys(losses), Object.keys(LOSSES));
      for (const [loss, { target, ...wanted }] of Object.entries(losses)) {
        const x = tensor(X, { requiresGrad: true });
        const [first] = grad(LOSSES[loss]!(x, full([X.length], target)), [x]);
        const [second] = grad(first!.sum(), [x]);
        const got = { first: [...(await first!.data())], second: [...(await second!.data())] };
        for (const order of ['first', 'second'] as const)
          for (const [i, value] of wanted[order].entries())
            assert.ok(
              Math.abs(got[order][i]! - value) < 1e-5 * (1 + Math.abs(value)),
              `${loss}, ${order} derivative at ${X[i]}: ${got[order][i]} instead of ${value}`,
            );
      }
    } finally {
      setDefaultDevice(referenceDevice());
      await device.close();
    }
  });

for (const name of ['reference', 'onednn', 'wasm'] as const)
  test(`the second derivative of max-pooling flows from the places of maxima, also of NaN, on ${name}`, async () => {
    const { device } = await openDevice(name, { threads: 1 });
    setDefaultDevice(device);
    try {
      const x = tensor([1, Number.NaN, Number.NaN, 5, 2, 3, Number.NaN, Number.NaN, 0], {
        shape: [1, 1, 1, 9],
        requiresGrad: true,
      });
      const h = tensor([1, 2, 4], { shape: [1, 1, 1, 3], requiresGrad: true });
      const [first] = grad(F.maxPool2d(x, [1, 3]).mul(h).sum(), [x]);
      const places = tensor([1, 2, 3, 4, 5, 6, 7, 8, 9], { shape: x.shape });
      const [second] = grad(first!.mul(places).sum(), [h]);
      assert.deepEqual([...(await first!.data())], [0, 0, 1, 2, 0, 0, 0, 4, 0]);
      assert.deepEqual([...(await second!.data())], [3, 4, 8]);
    } finally {
      setDefaultDevice(referenceDevice());
      await device.close();
    }
  });
