import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { kernelOf } from '../../../../src/backend/reference/kernels.js';
import {
  type Algorithm,
  algorithmsFor,
  usualAlgorithm,
} from '../../../../src/backend/simd/conv/algorithm.js';
import {
  type Convolution,
  conv2d,
  conv2dGradInput,
  conv2dGradWeight,
} from '../../../../src/backend/simd/conv/conv.js';
import type { Epilogue } from '../../../../src/backend/simd/gemm/epilogue.js';
import type { VectorOperation } from '../../../../src/backend/simd/operation.js';
import type { KernelPool } from '../../../../src/backend/simd/pool.js';
import { type Shape, sizeOf } from '../../../../src/graph/types.js';
import { windows } from '../../../../src/ops/conv2d.js';
import { evaluator, type Formula, f } from '../../../../src/ops/formula.js';
import { KernelMemory, near, numbers } from '../../../support/kernel-memory.js';

const alone = new KernelMemory();
const many = new KernelMemory(3);
after(() => {
  alone.close();
  many.close();
});

interface Options {
  readonly stride?: readonly [number, number];
  readonly padding?: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly groups?: number;
}

function convolution(
  x: readonly [number, number, number, number],
  [out, kh, kw]: readonly [number, number, number],
  { stride = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1 }: Options = {},
): Convolution {
  const size = (d: 0 | 1, kernel: number): number =>
    windows(x[2 + d]!, kernel, stride[d], padding[d], dilation[d]);
  const w = [out, x[1] / groups, kh, kw] as const;
  return { x, w, y: [x[0], out, size(0, kh), size(1, kw)], stride, padding, dilation, groups };
}

/** What the reference engine computes from inputs of these shapes. */
function reference(
  op: string,
  inputs: readonly (readonly [values: Float32Array, shape: Shape])[],
  shape: Shape,
  attrs: object,
): Float32Array {
  const output = new Float32Array(sizeOf(shape));
  kernelOf(op)!({
    inputs: inputs.map(([values]) => values),
    specs: inputs.map(([, own]) => ({ shape: own, dtype: 'float32' })),
    output,
    outputSpec: { shape, dtype: 'float32' },
    attrs: attrs as never,
  } as never);
  return output;
}

type Build = (pool: KernelPool, shape: Convolution) => VectorOperation;

function check(
  op: string,
  build: Build,
  shape: Convolution,
  inputs: readonly (readonly [values: Float32Array, shape: Shape])[],
  output: Shape,
  terms: number,
  bias?: Float32Array,
): void {
  const { stride, padding, dilation, groups } = shape;
  const attrs = { stride, padding, dilation, groups, shape: output };
  const all = bias ? [...inputs, [bias, [bias.length]] as const] : inputs;
  const expected = reference(op, all, output, attrs);
  const results = [alone, many].map((memory) => {
    memory.reset();
    const offsets = inputs.map(([values]) => memory.put(values));
    const extra = bias ? [memory.put(bias)] : [];
    const to = memory.room(expected.length);
    memory.run(build(memory.pool, shape), [...offsets, to, ...extra], [to, expected.length]);
    return memory.get(to, expected.length);
  });
  near(results[0]!, expected, terms, `${op} ${JSON.stringify(shape)}`);
  assert.deepEqual(
    new Uint32Array(results[1]!.buffer),
    new Uint32Array(results[0]!.buffer),
    'on three threads',
  );
}

/** Checks the three directions. */
function checkAll(shape: Convolution, algorithm: Algorithm = 'direct'): void {
  const { x, w, y } = shape;
  // Rounding errors of tiles are up to five times as large.
  const terms = (count: number): number => (algorithm === 'winograd' ? 25 * count : count);
  const values = { x: numbers(sizeOf(x), 1), w: numbers(sizeOf(w), 2), gradient: numbers(sizeOf(y), 3) };
  const inputs = (...pairs: readonly (readonly [Float32Array, Shape])[]) => pairs;
  const k = terms(w[1] * w[2] * w[3]);
  const forward: Build = (pool, own) => conv2d(pool, own, {}, algorithm);
  check('conv2d', forward, shape, inputs([values.x, x], [values.w, w]), y, k);
  const withBias: Build = (pool, own) => conv2d(pool, own, { bias: 'row' }, algorithm);
  check('conv2d', withBias, shape, inputs([values.x, x], [values.w, w]), y, k, numbers(w[0], 4));
  check(
    'conv2dGradInput',
    (pool, own) => conv2dGradInput(pool, own, {}, algorithm),
    shape,
    inputs([values.gradient, y], [values.w, w]),
    x,
    terms(w[0] * w[2] * w[3]),
  );
  check(
    'conv2dGradWeight',
    (pool, own) => conv2dGradWeight(pool, own, algorithm),
    shape,
    inputs([values.gradient, y], [values.x, x]),
    w,
    terms(x[0] * y[2] * y[3]),
  );
}

const hasTiles = (shape: Convolution): boolean => algorithmsFor(shape).includes('winograd');

describe('convolutions in three directions', () => {
  const SHAPES: Readonly<Record<string, Convolution>> = {
    'one number': convolution([1, 1, 1, 1], [1, 1, 1]),
    '1×1': convolution([2, 5, 7, 6], [9, 1, 1]),
    '1×1 with stride': convolution([2, 3, 9, 7], [4, 1, 1], { stride: [2, 3] }),
    '3×3': convolution([2, 3, 9, 11], [5, 3, 3]),
    '3×3 with padding': convolution([3, 4, 13, 13], [7, 3, 3], { padding: [1, 1] }),
    '3×3 with stride 2': convolution([2, 3, 17, 18], [6, 3, 3], { stride: [2, 2], padding: [1, 1] }),
    'stride in one direction': convolution([2, 3, 12, 13], [6, 3, 3], { stride: [2, 1], padding: [1, 0] }),
    'stride in the other direction': convolution([2, 3, 12, 13], [6, 3, 3], {
      stride: [1, 2],
      padding: [0, 1],
    }),
    'a stride beyond the kernel': convolution([1, 2, 13, 11], [3, 2, 2], { stride: [3, 4] }),
    'a large kernel with stride 4': convolution([2, 3, 35, 35], [8, 11, 11], {
      stride: [4, 4],
      padding: [2, 2],
    }),
    'uneven kernel, padding and dilation': convolution([2, 2, 10, 15], [3, 2, 4], {
      padding: [1, 3],
      dilation: [3, 2],
    }),
    'dilation with stride': convolution([1, 2, 21, 19], [4, 3, 3], {
      stride: [2, 3],
      padding: [2, 1],
      dilation: [2, 3],
    }),
    'padding beyond the kernel': convolution([1, 2, 4, 3], [3, 1, 2], { padding: [2, 4] }),
    groups: convolution([2, 6, 9, 9], [8, 3, 3], { padding: [1, 1], groups: 2 }),
    depthwise: convolution([2, 7, 12, 10], [7, 3, 3], { padding: [1, 1], groups: 7 }),
    'depthwise with stride and multiplier': convolution([2, 5, 11, 13], [10, 5, 3], {
      stride: [2, 2],
      padding: [2, 1],
      groups: 5,
    }),
    'depthwise without padding': convolution([2, 3, 9, 8], [3, 3, 3], { groups: 3 }),
    'depthwise of few columns': convolution([2, 3, 9, 3], [3, 3, 3], { padding: [1, 1], groups: 3 }),
    'depthwise with stride 2': convolution([3, 4, 12, 15], [4, 3, 3], {
      stride: [2, 2],
      padding: [1, 1],
      groups: 4,
    }),
    'depthwise with stride 2 and few columns': convolution([2, 3, 7, 5], [3, 3, 3], {
      stride: [2, 2],
      padding: [1, 1],
      groups: 3,
    }),
    'depthwise with stride 3': convolution([2, 3, 12, 14], [3, 3, 3], { stride: [1, 3], groups: 3 }),
    'depthwise with dilation': convolution([2, 3, 12, 17], [3, 3, 2], {
      padding: [2, 1],
      dilation: [2, 3],
      groups: 3,
    }),
    'depthwise with a large kernel': convolution([1, 3, 14, 13], [3, 7, 7], { padding: [3, 3], groups: 3 }),
    'depthwise 1×1': convolution([2, 5, 6, 7], [5, 1, 1], { groups: 5 }),
    'depthwise of many images': convolution([40, 2, 12, 11], [2, 3, 3], { padding: [1, 1], groups: 2 }),
    'depthwise in several strips': convolution([1, 2, 130, 141], [2, 3, 3], { padding: [1, 1], groups: 2 }),
    'a kernel as large as the image': convolution([9, 3, 4, 5], [6, 4, 5]),
    'rows longer than a strip': convolution([1, 2, 4, 700], [3, 3, 3], { padding: [1, 1] }),
    'many planes': convolution([2, 90, 8, 8], [50, 3, 3], { padding: [1, 1] }),
    'many results': convolution([1, 8, 20, 20], [300, 3, 3], { padding: [1, 1] }),
    'many images': convolution([40, 3, 8, 8], [4, 3, 3], { padding: [1, 1] }),
    'no images': convolution([0, 3, 8, 8], [4, 3, 3], { padding: [1, 1] }),
  };
  for (const [name, shape] of Object.entries(SHAPES)) it(`of ${name}`, () => checkAll(shape));

  const TILED: Readonly<Record<string, Convolution>> = {
    ...Object.fromEntries(Object.entries(SHAPES).filter(([, shape]) => hasTiles(shape))),
    'two planes': convolution([1, 2, 2, 2], [2, 3, 3], { padding: [1, 1] }),
    'odd sizes': convolution([3, 5, 7, 11], [13, 3, 3], { padding: [1, 1] }),
    'whole vectors of tiles': convolution([2, 6, 18, 18], [7, 3, 3]),
    'padding of two': convolution([2, 3, 6, 9], [4, 3, 3], { padding: [2, 2] }),
    'several strips': convolution([1, 40, 30, 30], [48, 3, 3], { padding: [1, 1] }),
    'two tiles in a row': convolution([5, 3, 13, 8], [4, 3, 3], { padding: [1, 1] }),
    'one tile in a row': convolution([3, 2, 19, 4], [5, 3, 3], { padding: [1, 1] }),
    'many small images': convolution([70, 3, 6, 7], [4, 3, 3], { padding: [1, 1] }),
    'several blocks of weights': convolution([3, 70, 6, 5], [66, 3, 3], { padding: [1, 1] }),
    'blocks of 64': convolution([2, 72, 5, 9], [130, 3, 3], { padding: [1, 1] }),
    '5×5': convolution([2, 3, 11, 13], [7, 5, 5], { padding: [2, 2] }),
    '5×5 without padding': convolution([2, 5, 12, 20], [6, 5, 5]),
    '5×5 in groups': convolution([3, 8, 8, 9], [6, 5, 5], { padding: [2, 1], groups: 2 }),
    '5×5 of few columns': convolution([3, 2, 9, 3], [5, 5, 5], { padding: [2, 2] }),
    '5×5 of two columns': convolution([3, 2, 2, 2], [5, 5, 5], { padding: [2, 2] }),
    '5×5 in several strips': convolution([1, 40, 30, 30], [48, 5, 5], { padding: [2, 2] }),
  };
  for (const [name, shape] of Object.entries(TILED))
    it(`of ${name}, in Winograd's tiles`, () => {
      assert.ok(hasTiles(shape));
      checkAll(shape, 'winograd');
    });

  it('apply a formula to the result', () => {
    const shape = convolution([2, 3, 9, 8], [5, 3, 3], { padding: [1, 1] });
    const inputs = [numbers(sizeOf(shape.x)), numbers(sizeOf(shape.w), 2)];
    const run = (build: Build): Float32Array => {
      alone.reset();
      const offsets = inputs.map((values) => alone.put(values));
      const to = alone.room(sizeOf(shape.y));
      alone.run(build(alone.pool, shape), [...offsets, to], [to, sizeOf(shape.y)]);
      return alone.get(to, sizeOf(shape.y));
    };
    const plain = run(conv2d);
    const rectified = run((pool, own) => conv2d(pool, own, { activation: f.max(f.input(0), 0) }));
    assert.ok(plain.some((value) => value < 0));
    assert.deepEqual(
      rectified,
      plain.map((value) => Math.max(value, 0)),
    );
  });

  it('apply a formula and a bias to the results of tiles', () => {
    const shape = convolution([2, 3, 9, 8], [5, 3, 3], { padding: [1, 1] });
    const inputs = [numbers(sizeOf(shape.x)), numbers(sizeOf(shape.w), 2), numbers(5, 3)] as const;
    const run = (build: Build): Float32Array => {
      alone.reset();
      const [x, w, bias] = inputs.map((values) => alone.put(values)) as [number, number, number];
      const to = alone.room(sizeOf(shape.y));
      alone.run(build(alone.pool, shape), [x, w, to, bias], [to, sizeOf(shape.y)]);
      return alone.get(to, sizeOf(shape.y));
    };
    const plain = run((pool, own) => conv2d(pool, own, { bias: 'row' }, 'winograd'));
    const activation = f.max(f.input(0), 0);
    const rectified = run((pool, own) => conv2d(pool, own, { bias: 'row', activation }, 'winograd'));
    assert.ok(plain.some((value) => value < 0));
    assert.deepEqual(
      rectified,
      plain.map((value) => Math.max(value, 0)),
    );
  });

  describe('apply a formula of the result, of numbers of its channel, and of another value', () => {
    const CASES: Readonly<Record<string, Convolution>> = {
      '3×3': convolution([3, 4, 9, 10], [6, 3, 3], { padding: [1, 1] }),
      'two tiles in a row': convolution([5, 3, 13, 8], [4, 3, 3], { padding: [1, 1] }),
      '5×5': convolution([2, 3, 7, 9], [5, 5, 5], { padding: [2, 2] }),
      groups: convolution([2, 6, 9, 9], [8, 3, 3], { padding: [1, 1], groups: 2 }),
      'stride 2': convolution([2, 3, 17, 18], [6, 3, 3], { stride: [2, 2], padding: [1, 1] }),
      depthwise: convolution([2, 5, 12, 10], [5, 3, 3], { padding: [1, 1], groups: 5 }),
      'depthwise of few columns': convolution([2, 3, 9, 3], [3, 3, 3], { padding: [1, 1], groups: 3 }),
    };
    const [x, mean, scale, other] = [0, 1, 2, 3].map((index) => f.input(index)) as [
      Formula,
      Formula,
      Formula,
      Formula,
    ];
    const epilogue = {
      bias: 'row',
      activation: f.max(f.add(f.mul(f.sub(x, mean), scale), other), 0),
      others: ['row', 'row', 'whole'],
    } as const;
    for (const [name, shape] of Object.entries(CASES))
      for (const algorithm of algorithmsFor(shape))
        it(`of ${name}, ${algorithm}`, () => {
          const [count, channels] = [sizeOf(shape.y), shape.y[1]];
          const [image, weights] = [numbers(sizeOf(shape.x)), numbers(sizeOf(shape.w), 2)];
          const extras = [channels, channels, channels, count].map((size, k) => numbers(size, 3 + k));
          const run = (memory: KernelMemory, applied: Epilogue, read: readonly Float32Array[]) => {
            memory.reset();
            const [a, b] = [memory.put(image), memory.put(weights)];
            const to = memory.room(count);
            const operands = [a, b, to, ...read.map((values) => memory.put(values))];
            memory.run(conv2d(memory.pool, shape, applied, algorithm), operands, [to, count]);
            return memory.get(to, count);
          };
          const plain = run(alone, {}, []);
          const got = run(alone, epilogue, extras);
          const area = shape.y[2] * shape.y[3];
          const apply = evaluator(epilogue.activation);
          const expected = plain.map((value, i) => {
            const [bias, ...rest] = extras.map(
              (values, k) => values[k < 3 ? Math.floor(i / area) % channels : i]!,
            );
            return apply([Math.fround(value + bias!), ...rest]);
          });
          near(got, expected, 4, name);
          assert.deepEqual(run(many, epilogue, extras), got, 'on three threads');
        });
  });

  it('take no gradient of depthwise weights from numbers that no window reads', () => {
    // Of 12 columns the last one lies beyond the last window.
    const shape = convolution([1, 2, 5, 12], [2, 3, 3], { stride: [2, 2], groups: 2 });
    const x = numbers(sizeOf(shape.x));
    for (let row = 0; row < 10; row++) x[row * 12 + 11] = Number.NaN;
    alone.reset();
    const offsets = [alone.put(numbers(sizeOf(shape.y), 3)), alone.put(x)];
    const to = alone.room(sizeOf(shape.w));
    alone.run(conv2dGradWeight(alone.pool, shape), [...offsets, to], [to, sizeOf(shape.w)]);
    assert.ok(alone.get(to, sizeOf(shape.w)).every(Number.isFinite));
  });

  it('sum weights over parts of a large batch', () => {
    const shape = convolution([256, 64, 112, 112], [64, 3, 3], { padding: [1, 1] });
    for (const algorithm of algorithmsFor(shape)) {
      const { total } = conv2dGradWeight(alone.pool, shape, algorithm).jobs[0]!;
      // Tiles of 16 results take 36 products for each plane instead of 144.
      const products = sizeOf(shape.y) * 64 * (algorithm === 'winograd' ? 36 / 16 : 9);
      assert.ok(products / total <= 2 ** 31, `${total} pieces`);
    }
  });

  it('have tiles only for square kernels without strides, of several planes', () => {
    const one = { padding: [1, 1] } as const;
    assert.deepEqual(algorithmsFor(convolution([2, 3, 9, 9], [4, 3, 3], one)), ['direct', 'winograd']);
    for (const shape of [
      convolution([2, 3, 9, 9], [4, 3, 3], { stride: [2, 2] }),
      convolution([2, 3, 9, 9], [4, 3, 3], { dilation: [1, 2] }),
      convolution([2, 3, 9, 9], [4, 3, 5], one),
      convolution([2, 3, 9, 9], [4, 7, 7], one),
      convolution([2, 3, 9, 9], [3, 3, 3], { groups: 3 }),
      convolution([0, 3, 9, 9], [4, 3, 3], one),
    ])
      assert.deepEqual(algorithmsFor(shape), ['direct']);
  });

  it('usually take tiles where there are many planes and results', () => {
    const directions = ['forward', 'input', 'weights'] as const;
    const usual = (...shape: Parameters<typeof convolution>) =>
      directions.map((direction) => usualAlgorithm(convolution(...shape), direction));
    const padding = { padding: [1, 1] } as const;
    assert.deepEqual(usual([8, 32, 16, 16], [32, 3, 3], padding), ['winograd', 'winograd', 'winograd']);
    assert.deepEqual(usual([8, 3, 32, 32], [32, 3, 3], padding), ['direct', 'direct', 'direct']);
    assert.deepEqual(usual([1, 256, 2, 2], [256, 3, 3], padding), ['direct', 'direct', 'direct']);
  });

  it('let NaN reach what it belongs to and nothing else', () => {
    const shape = convolution([2, 2, 9, 9], [3, 3, 3], { padding: [1, 1] });
    const x = numbers(sizeOf(shape.x));
    x[(1 * 2 + 1) * 81 + 4 * 9 + 4] = Number.NaN;
    alone.reset();
    const offsets = [alone.put(x), alone.put(numbers(sizeOf(shape.w), 2))];
    const to = alone.room(sizeOf(shape.y));
    alone.run(conv2d(alone.pool, shape), [...offsets, to], [to, sizeOf(shape.y)]);
    alone.get(to, sizeOf(shape.y)).forEach((value, at) => {
      const [row, column] = [Math.floor(at / 9) % 9, at % 9];
      const reached = at >= 3 * 81 && Math.abs(row - 4) <= 1 && Math.abs(column - 4) <= 1;
      assert.equal(Number.isNaN(value), reached, `position ${at}`);
    });
  });
});
