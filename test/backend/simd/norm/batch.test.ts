import { after, describe, it } from 'node:test';
import { kernelOf } from '../../../../src/backend/reference/kernels.js';
import {
  batchNorm,
  batchNormGradGamma,
  batchNormTrain,
  batchNormTrainGrad,
  batchStats,
  normalizeRows,
  normalizeRowsGrad,
} from '../../../../src/backend/simd/norm/batch.js';
import type { VectorOperation } from '../../../../src/backend/simd/operation.js';
import type { KernelPool } from '../../../../src/backend/simd/pool.js';
import { type Shape, sizeOf } from '../../../../src/graph/types.js';
import { KernelMemory, near, numbers } from '../../../support/kernel-memory.js';

const alone = new KernelMemory();
const many = new KernelMemory(3);
after(() => {
  alone.close();
  many.close();
});

function check(
  op: string,
  inputs: readonly (readonly [Float32Array, Shape])[],
  output: Shape,
  eps: number,
  build: (pool: KernelPool) => VectorOperation,
): void {
  const expected = new Float32Array(sizeOf(output));
  kernelOf(op)!({
    inputs: inputs.map(([values]) => values),
    specs: inputs.map(([, shape]) => ({ shape, dtype: 'float32' })),
    output: expected,
    outputSpec: { shape: output, dtype: 'float32' },
    attrs: { eps },
  });
  for (const memory of [alone, many]) {
    memory.reset();
    const offsets = inputs.map(([values]) => memory.put(values));
    const to = memory.room(expected.length);
    memory.run(build(memory.pool), [...offsets, to], [to, expected.length]);
    near(memory.get(to, expected.length), expected, 4, op);
  }
}

describe('batch normalisation', () => {
  for (const [images, channels, area] of [
    [1, 1, 1],
    [5, 3, 1],
    [2, 4, 7],
    [3, 1, 16],
    [2, 70, 130],
    [1, 2, 9],
  ] as const)
    for (const eps of [1e-5, 1])
      it(`of ${images}×${channels}×${area}, eps ${eps}`, () => {
        const shape = [images, channels, area, 1];
        const own = [channels];
        const count = images * channels * area;
        // Far from 0, so that sums of squares alone would lose the variance.
        const x = numbers(count).map((value) => 30 + value);
        const [gradient, gamma, beta] = [numbers(count, 2), numbers(channels, 3), numbers(channels, 4)];
        const variance = numbers(channels, 5).map((value) => value * value);
        const sizes = { images, channels, area, eps };
        check('batchStats', [[x, shape]], [2, channels], eps, (pool) => batchStats(pool, sizes));
        check(
          'batchNormTrain',
          [
            [x, shape],
            [gamma, own],
            [beta, own],
          ],
          shape,
          eps,
          (pool) => batchNormTrain(pool, sizes),
        );
        check(
          'batchNormTrainGrad',
          [
            [gradient, shape],
            [x, shape],
            [gamma, own],
          ],
          shape,
          eps,
          (pool) => batchNormTrainGrad(pool, sizes),
        );
        check(
          'batchNormGradGamma',
          [
            [gradient, shape],
            [x, shape],
          ],
          own,
          eps,
          (pool) => batchNormGradGamma(pool, sizes),
        );
        check(
          'batchNorm',
          [
            [x, shape],
            [gamma, own],
            [beta, own],
            [beta, own],
            [variance, own],
          ],
          shape,
          eps,
          (pool) => batchNorm(pool, sizes),
        );
      });
});

describe('normalised rows', () => {
  for (const [rows, length] of [
    [1, 1],
    [5, 7],
    [3, 16],
    [400, 70],
  ] as const)
    it(`of ${length} numbers`, () => {
      const shape = [rows, length];
      const x = numbers(rows * length).map((value) => 30 + value);
      const gradient = numbers(rows * length, 2);
      const eps = 1e-3;
      check('normalizeRows', [[x, shape]], shape, eps, (pool) => normalizeRows(pool, { rows, length, eps }));
      check(
        'normalizeRowsGrad',
        [
          [gradient, shape],
          [x, shape],
        ],
        shape,
        eps,
        (pool) => normalizeRowsGrad(pool, { rows, length, eps }),
      );
    });
});
