import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { kernelOf } from '../../../../src/backend/reference/kernels.js';
import type { VectorOperation } from '../../../../src/backend/simd/operation.js';
import type { KernelPool } from '../../../../src/backend/simd/pool.js';
import {
  averagePool2d,
  averagePool2dGrad,
  maxPool2d,
  maxPool2dGrad,
  type Planes,
} from '../../../../src/backend/simd/pool2d/pool2d.js';
import { adaptiveWindows, averageWindows, maxWindows } from '../../../../src/backend/simd/pool2d/windows.js';
import { type Shape, sizeOf } from '../../../../src/graph/types.js';
import { KernelMemory, near, numbers } from '../../../support/kernel-memory.js';

const alone = new KernelMemory();
const many = new KernelMemory(3);
after(() => {
  alone.close();
  many.close();
});

type Pair = readonly [number, number];
const ONE: Pair = [1, 1];

/** Runs the reference engine's loop and a vector kernel on the same inputs. */
function check(
  op: string,
  attrs: object,
  inputs: readonly (readonly [values: Float32Array, shape: Shape])[],
  output: Shape,
  build: (pool: KernelPool) => VectorOperation,
): void {
  const expected = new Float32Array(sizeOf(output));
  kernelOf(op)!({
    inputs: inputs.map(([values]) => values),
    specs: inputs.map(([, shape]) => ({ shape, dtype: 'float32' })),
    output: expected,
    outputSpec: { shape: output, dtype: 'float32' },
    attrs: attrs as never,
  });
  for (const memory of [alone, many]) {
    memory.reset();
    const offsets = inputs.map(([values]) => memory.put(values));
    const to = memory.room(expected.length);
    memory.run(build(memory.pool), [...offsets, to], [to, expected.length]);
    near(memory.get(to, expected.length), expected, 25, `${op} ${JSON.stringify(attrs)} of ${output}`);
  }
}

const countOf = (size: number, kernel: number, stride: number, padding: number, dilation: number): number =>
  Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;

describe('pooling', () => {
  const CASES: readonly {
    x: readonly [number, number, number, number];
    kernel: Pair;
    stride: Pair;
    padding: Pair;
    dilation?: Pair;
    /** Rows and columns beyond those of floor mode. */
    more?: Pair;
  }[] = [
    { x: [1, 1, 1, 1], kernel: [1, 1], stride: [1, 1], padding: [0, 0] },
    { x: [2, 3, 13, 14], kernel: [3, 3], stride: [2, 2], padding: [0, 0] },
    { x: [2, 3, 13, 14], kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
    { x: [1, 2, 9, 7], kernel: [2, 3], stride: [1, 3], padding: [1, 0] },
    { x: [1, 2, 9, 7], kernel: [2, 2], stride: [2, 2], padding: [0, 0], more: [1, 1] },
    { x: [1, 2, 11, 12], kernel: [3, 2], stride: [2, 1], padding: [1, 1], dilation: [2, 3] },
    { x: [0, 2, 5, 5], kernel: [2, 2], stride: [2, 2], padding: [0, 0] },
    { x: [3, 40, 27, 27], kernel: [3, 3], stride: [2, 2], padding: [0, 0] },
  ];
  for (const { x, kernel, stride, padding, dilation = ONE, more = [0, 0] } of CASES)
    it(`of ${x.join('×')} by ${kernel} with stride ${stride}, padding ${padding}, dilation ${dilation}`, () => {
      const count = (d: 0 | 1): number =>
        countOf(x[2 + d]!, kernel[d], stride[d], padding[d], dilation[d]) + more[d];
      const y = [x[0], x[1], count(0), count(1)] as const;
      const planes: Planes = { planes: x[0] * x[1], height: x[2], width: x[3], rows: y[2], columns: y[3] };
      const max = (d: 0 | 1) =>
        maxWindows(x[2 + d]!, y[2 + d]!, {
          kernel: kernel[d],
          stride: stride[d],
          padding: padding[d],
          dilation: dilation[d],
        });
      const largest = { rows: max(0), columns: max(1), step: dilation };
      const attrs = { kernel, stride, padding, dilation, shape: x };
      // Few different numbers, so that windows have several that are largest; and some NaN.
      const values = numbers(sizeOf(x)).map((value, i) =>
        i % 37 === 5 ? Number.NaN : Math.round(4 * value),
      );
      const gradient = numbers(sizeOf(y), 2);
      check('maxPool2d', attrs, [[values, x]], y, (pool) => maxPool2d(pool, planes, largest));
      check(
        'maxPool2dGrad',
        attrs,
        [
          [gradient, y],
          [values, x],
        ],
        x,
        (pool) => maxPool2dGrad(pool, planes, largest),
      );
      if (dilation.some((d) => d > 1)) return;
      for (const countIncludePad of [true, false]) {
        const mean = (d: 0 | 1) =>
          averageWindows(x[2 + d]!, y[2 + d]!, {
            kernel: kernel[d],
            stride: stride[d],
            padding: padding[d],
            countIncludePad,
          });
        const means = { rows: mean(0), columns: mean(1), step: [1, 1] as const };
        const all = { ...attrs, countIncludePad };
        check('avgPool2d', all, [[numbers(sizeOf(x)), x]], y, (pool) => averagePool2d(pool, planes, means));
        check('avgPool2dGrad', all, [[gradient, y]], x, (pool) => averagePool2dGrad(pool, planes, means));
      }
    });

  it('a window without cells is −∞, and takes no gradient', () => {
    const planes: Planes = { planes: 1, height: 2, width: 2, rows: 1, columns: 2 };
    const windows = {
      rows: [{ start: 0, end: 2 }],
      columns: [
        { start: 0, end: 2 },
        { start: 2, end: 2 },
      ],
      step: [1, 1] as const,
    };
    alone.reset();
    const x = alone.put([1, 4, 3, 2]);
    const y = alone.room(2);
    alone.run(maxPool2d(alone.pool, planes, windows), [x, y], [y, 2]);
    assert.deepEqual([...alone.get(y, 2)], [4, Number.NEGATIVE_INFINITY]);
    const gradient = alone.put([5, 7]);
    const back = alone.room(4);
    alone.run(maxPool2dGrad(alone.pool, planes, windows), [gradient, x, back], [back, 4]);
    assert.deepEqual([...alone.get(back, 4)], [0, 5, 0, 0]);
  });

  it('to bins of any size', () => {
    for (const [x, size] of [
      [
        [2, 3, 13, 9],
        [6, 6],
      ],
      [
        [2, 3, 5, 4],
        [7, 3],
      ],
      [
        [1, 4, 8, 8],
        [1, 1],
      ],
    ] as const) {
      const y = [x[0], x[1], ...size] as const;
      const planes: Planes = {
        planes: x[0] * x[1],
        height: x[2],
        width: x[3],
        rows: size[0],
        columns: size[1],
      };
      const bins = {
        rows: adaptiveWindows(x[2], size[0]),
        columns: adaptiveWindows(x[3], size[1]),
        step: [1, 1] as const,
      };
      const attrs = { size, shape: x };
      check('adaptiveAvgPool2d', attrs, [[numbers(sizeOf(x)), x]], y, (pool) =>
        averagePool2d(pool, planes, bins),
      );
      check('adaptiveAvgPool2dGrad', attrs, [[numbers(sizeOf(y)), y]], x, (pool) =>
        averagePool2dGrad(pool, planes, bins),
      );
    }
  });
});
