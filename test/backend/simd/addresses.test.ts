import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import {
  type Convolution,
  conv2d,
  conv2dGradInput,
  conv2dGradWeight,
} from '../../../src/backend/simd/conv/conv.js';
import { copyStrided } from '../../../src/backend/simd/copy/copy.js';
import { gemm } from '../../../src/backend/simd/gemm/gemm.js';
import { batchNormTrain } from '../../../src/backend/simd/norm/batch.js';
import { localResponseNormGrad } from '../../../src/backend/simd/norm/local-response.js';
import { softmax } from '../../../src/backend/simd/norm/softmax.js';
import type { VectorOperation } from '../../../src/backend/simd/operation.js';
import { KernelPool } from '../../../src/backend/simd/pool.js';
import { maxPool2d, maxPool2dGrad } from '../../../src/backend/simd/pool2d/pool2d.js';
import { maxWindows } from '../../../src/backend/simd/pool2d/windows.js';
import { numbers, sharedMemory } from '../../support/kernel-memory.js';

/** 4 GiB, of which the system gives what is touched. */
const PAGES = 65_536;
const HALF = 2 ** 31;

const pool = new KernelPool(sharedMemory(PAGES), PAGES, 1);
after(() => pool.close());

const shape: Convolution = {
  x: [2, 4, 9, 9],
  w: [6, 4, 3, 3],
  y: [2, 6, 5, 5],
  stride: [2, 2],
  padding: [1, 1],
  dilation: [1, 1],
  groups: 1,
};
const window = maxWindows(9, 5, { kernel: 3, stride: 2, padding: 1, dilation: 1 });
const windows = { rows: window, columns: window, step: [1, 1] as const };
const planes = { planes: 8, height: 9, width: 9, rows: 5, columns: 5 };
const [X, W, Y] = [2 * 4 * 81, 6 * 4 * 9, 2 * 6 * 25] as const;
const dense = (columns: number) => ({ row: columns, column: 1 });

/** Operations, with the sizes of their operands; the last one is the result. */
const OPERATIONS: Readonly<Record<string, readonly [VectorOperation, readonly number[]]>> = {
  product: [
    gemm(pool, { m: 21, n: 19, k: 350, a: dense(350), b: dense(19), c: dense(19) }),
    [21 * 350, 350 * 19, 21 * 19],
  ],
  convolution: [conv2d(pool, shape), [X, W, Y]],
  'gradient of its input': [conv2dGradInput(pool, shape), [Y, W, X]],
  'gradient of its weights': [conv2dGradWeight(pool, shape), [Y, X, W]],
  'max-pooling': [maxPool2d(pool, planes, windows), [X, 8 * 25]],
  'gradient of max-pooling': [maxPool2dGrad(pool, planes, windows), [8 * 25, X, X]],
  'batch normalisation': [batchNormTrain(pool, { images: 2, channels: 4, area: 81, eps: 1 }), [X, 4, 4, X]],
  'gradient of local response normalisation': [
    localResponseNormGrad(pool, { images: 2, channels: 4, area: 81, size: 5, alpha: 1, beta: 0.75, k: 1 }),
    [X, X, X],
  ],
  softmax: [softmax(pool, { outer: 8, length: 81, inner: 1 }), [X, X]],
  transposition: [
    copyStrided(pool, [
      { size: 81, from: 1, to: 8 },
      { size: 8, from: 81, to: 1 },
    ]),
    [X, X],
  ],
};

/** Computes with the operands one after another from an offset on, and the scratch memory behind them. */
function compute(
  [operation, sizes]: readonly [VectorOperation, readonly number[]],
  from: number,
): Float32Array {
  let at = from;
  const offsets = sizes.map((size, k) => {
    const start = at;
    new Float32Array(pool.memory.buffer, start, size).set(numbers(size, k + 1));
    at = Math.ceil((at + 4 * size) / 16) * 16;
    return start;
  });
  operation.run(offsets, at);
  return new Float32Array(pool.memory.buffer, offsets.at(-1)!, sizes.at(-1)!).slice();
}

describe('vector kernels at any address', () => {
  for (const [name, one] of Object.entries(OPERATIONS)) {
    const expected = compute(one, 65_536);
    const bytes = one[1].reduce((sum, size) => sum + 4 * size + 16, 0) + one[0].scratchBytes;
    const begins = {
      'from 0 on': 0,
      'across the middle of 4 GiB': HALF - 16 * Math.floor(bytes / 32),
      'above it': 3 * 2 ** 30,
      'up to the end': 2 ** 32 - 16 * Math.ceil(bytes / 16),
    };
    for (const [where, from] of Object.entries(begins))
      it(`${name} ${where}`, () => assert.deepEqual(compute(one, from), expected));
  }
});
