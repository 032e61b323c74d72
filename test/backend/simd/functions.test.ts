import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Dimension } from '../../../src/backend/plan/broadcast.js';
import { controlOf, WORD } from '../../../src/backend/simd/jobs.js';
import { encodeKernel } from '../../../src/backend/simd/kernel.js';
import { KernelPool, PIECE } from '../../../src/backend/simd/pool.js';
import { encodeReduction, sharedDimension } from '../../../src/backend/simd/reduction.js';
import { startNodeThread } from '../../../src/backend/simd/threads/node.js';
import type { StartThread } from '../../../src/backend/simd/threads/serve.js';
import { evaluator, type Formula, f } from '../../../src/ops/formula.js';
import { instantiate } from '../../../src/webassembly/runtime.js';
import { sharedMemory } from '../../support/kernel-memory.js';

const PAGES = 256;
const memory = sharedMemory(PAGES);
const bytes = memory.buffer;

/** Computes a formula with one input, at unaligned addresses. */
function run(formula: Formula, values: Float32Array, offset = 4): Float32Array {
  const kernel = encodeKernel({ formula, inputs: 1, dimensions: [{ size: 0, steps: [1] }] }, PAGES);
  const to = offset + values.byteLength + 4;
  new Float32Array(bytes, offset, values.length).set(values);
  instantiate(kernel, memory)(offset, to, 0, values.length);
  return new Float32Array(bytes, to, values.length).slice();
}

const { NaN: NAN, POSITIVE_INFINITY: INF } = Number;
/** Numbers of all magnitudes and both signs, more of them around 0, and special values. */
function numbers(): Float32Array {
  const bits = Uint32Array.from({ length: 200_001 }, (_, i) => Math.floor(i * 21_474.836) >>> 0);
  const near = Array.from({ length: 40_000 }, (_, i) => (i - 20_000) / 200);
  const special = [
    0,
    -0,
    1,
    -1,
    INF,
    -INF,
    NAN,
    1e-45,
    -1e-45,
    2 ** -126,
    3.4028235e38,
    88.72,
    88.73,
    -87.4,
    -103.97,
    -104,
  ];
  return Float32Array.from([...new Float32Array(bits.buffer), ...near, ...special]);
}

/** Error in units in the last place of float32; infinite if only one of the two is NaN or infinite. */
function units(got: number, exact: number): number {
  const rounded = Math.fround(exact);
  if (Object.is(got, rounded) || (Number.isNaN(got) && Number.isNaN(exact))) return 0;
  if (!Number.isFinite(rounded) || !Number.isFinite(got)) return INF;
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(exact) || Number.MIN_VALUE)));
  return Math.abs(got - exact) / 2 ** (exponent - 23);
}

const EXPONENTS = [
  ...[-15.9, -3, -2, -1.7, -1, -0.99, -0.9, -0.5, -0.3, 0, 0.1, 1 / 3, 0.5, 0.5001, 0.7, 0.999],
  ...[1, 1.25, 1.45, 1.5, 1.7, 1.84, 1.99, 2, 2.5, 3, 4, 5, 10, 17],
];

describe('vector functions', () => {
  const x = f.input(0);
  const exact = 0.5;
  const FUNCTIONS: readonly [name: string, formula: Formula, most: number][] = [
    ['neg', f.neg(x), 0],
    ['abs', f.abs(x), 0],
    ['sqrt', f.sqrt(x), exact],
    ['floor', f.floor(x), 0],
    ['ceil', f.ceil(x), 0],
    ['round', f.round(x), 0],
    ['sign', f.sign(x), 0],
    ['exp', f.exp(x), 1.5],
    ['log', f.log(x), 1.5],
    ['log1p', f.log1p(x), 3],
    ['tanh', f.tanh(x), 2],
    ['erf', f.erf(x), 2],
    ['min', f.min(x, 0.5), 0],
    ['max', f.max(x, -1), 0],
    ['less', f.less(x, 1), 0],
    ['lessEqual', f.lessEqual(x, 1), 0],
    ['equal', f.equal(x, 0), 0],
    ['select', f.select(f.less(x, 0), f.neg(x), 2), 0],
    ['select by a number', f.select(x, 1, 2), 0],
    ...EXPONENTS.map((exponent): [string, Formula, number] => [`power ${exponent}`, f.pow(x, exponent), 2]),
  ];
  const values = numbers();
  for (const [name, formula, most] of FUNCTIONS)
    it(`${name} is within ${most} units in the last place`, () => {
      const got = run(formula, values);
      const compute = evaluator(formula);
      values.forEach((value, i) => {
        const exactly = compute([value]);
        assert.ok(units(got[i]!, exactly) <= most, `${name}(${value}) = ${got[i]}, exactly ${exactly}`);
      });
    });

  it('give the same result for an element in any lane', () => {
    const formula = f.tanh(f.exp(x));
    const whole = run(formula, values);
    for (const [from, count] of [
      [1, 5],
      [7, 3],
      [1001, 17],
    ] as const)
      assert.deepEqual(
        run(formula, values.subarray(from, from + count), 12),
        whole.subarray(from, from + count),
      );
  });
});

describe('vector kernels', () => {
  const inputs = [f.input(0), f.input(1)] as const;
  const formula = f.sub(f.mul(inputs[0], 3), inputs[1]);
  const SHAPES: readonly (readonly Dimension[])[] = [
    [{ size: 7, steps: [1, 0] }],
    [
      { size: 5, steps: [6, 0] },
      { size: 6, steps: [1, 1] },
    ],
    [
      { size: 2, steps: [0, 3] },
      { size: 3, steps: [7, 1] },
      { size: 7, steps: [1, 0] },
    ],
    [
      { size: 3, steps: [0, 1] },
      { size: 1, steps: [0, 0] },
    ],
  ];
  for (const dimensions of SHAPES)
    it(`broadcast over ${JSON.stringify(dimensions)}, and write only the output`, () => {
      const kernel = instantiate(encodeKernel({ formula, inputs: 2, dimensions }, PAGES), memory);
      const all = new Float32Array(bytes, 0, 1000).map((_, i) => Math.sin(i));
      new Float32Array(bytes, 0, 1000).set(all);
      const total = dimensions.reduce((n, { size }) => n * size, 1);
      const [a, b, y] = [100, 300, 500];
      const expected = all.slice();
      for (let at = 0; at < total; at++) {
        let rest = at;
        const places = [a, b];
        for (const { size, steps } of [...dimensions].reverse()) {
          places.forEach((_, k) => {
            places[k]! += (rest % size) * steps[k]!;
          });
          rest = Math.floor(rest / size);
        }
        expected[y + at] = Math.fround(Math.fround(all[places[0]!]! * 3) - all[places[1]!]!);
      }
      const outermost = dimensions[0]!.size;
      // In two parts, as by two threads.
      kernel(4 * a, 4 * b, 4 * y, 0, Math.floor(outermost / 2));
      kernel(4 * a, 4 * b, 4 * y, Math.floor(outermost / 2), outermost);
      assert.deepEqual(new Float32Array(bytes, 0, 1000), expected);
    });
});

describe('reductions', () => {
  const formula = f.mul(f.input(0), f.input(1));
  /** [size, steps of two inputs, step of the output] of each dimension. */
  const SHAPES: readonly (readonly (readonly [number, number, number, number])[])[] = [
    [[1027, 1, 0, 0]],
    [[1027, 1, 1, 1]],
    [
      [5, 7, 7, 1],
      [7, 1, 1, 0],
    ],
    [
      [6, 37, 0, 0],
      [37, 1, 1, 1],
    ],
    [
      [3, 140, 0, 7],
      [20, 7, 7, 0],
      [7, 1, 0, 1],
    ],
    [
      [3, 36, 4, 0],
      [4, 9, 1, 1],
      [9, 1, 0, 0],
    ],
  ];
  for (const dims of SHAPES)
    for (const fold of ['sum', 'max'] as const)
      it(`${fold} over ${JSON.stringify(dims)}`, () => {
        const dimensions = dims.map(([size, ...steps]) => ({ size, steps }));
        const shape = { fold, formula, inputs: 2, dimensions };
        const kernel = instantiate(encodeReduction(shape, PAGES), memory);
        const all = new Float32Array(5000).map((_, i) => Math.fround(Math.sin(i) * 3));
        new Float32Array(bytes, 0, 5000).set(all);
        const [a, b, y] = [100, 1500, 3000];
        const results = new Map<number, number>();
        const visit = (level: number, i: number, j: number, at: number): void => {
          const dim = dims[level];
          if (!dim) {
            const value = Math.fround(all[a + i]! * all[b + j]!);
            const before = results.get(at);
            const next =
              before === undefined ? value : fold === 'sum' ? before + value : Math.max(before, value);
            results.set(at, next);
            return;
          }
          for (let n = 0; n < dim[0]; n++) visit(level + 1, i + n * dim[1], j + n * dim[2], at + n * dim[3]);
        };
        visit(0, 0, 0, 0);
        const total = sharedDimension(shape)?.size ?? 1;
        const half = total > 1 ? Math.floor(total / 2) : 0;
        if (half > 0) kernel(4 * a, 4 * b, 4 * y, 0, half);
        kernel(4 * a, 4 * b, 4 * y, half, total);
        const got = new Float32Array(bytes, 0, 5000);
        for (const [at, value] of results)
          assert.ok(
            Math.abs(got[y + at]! - value) <= 1e-6 * Math.max(1, Math.abs(value)),
            `${at}: ${got[y + at]}, ${value}`,
          );
        const touched = new Set([...results.keys()].map((at) => y + at));
        got.forEach((value, i) => {
          assert.ok(touched.has(i) || value === all[i], `wrote at ${i}`);
        });
      });

  it('of NaN are NaN, and the largest of nothing but −∞ is −∞', () => {
    const max = instantiate(
      encodeReduction(
        { fold: 'max', formula: f.input(0), inputs: 1, dimensions: [{ size: 9, steps: [1, 0] }] },
        PAGES,
      ),
      memory,
    );
    const values = new Float32Array(bytes, 0, 10).fill(-INF);
    max(0, 36, 0, 1);
    assert.equal(values[9], -INF);
    values[7] = NAN;
    max(0, 36, 0, 1);
    assert.ok(Number.isNaN(values[9]));
  });
});

describe('a pool of threads', () => {
  it('computes the same results as one thread, for many jobs', () => {
    const formula = f.add(f.input(0), f.input(1));
    const pool = new KernelPool(memory, PAGES, 3, startNodeThread);
    try {
      const n = 100_000;
      const [a, b, y] = [0, 4 * n, 8 * n];
      const id = pool.kernel({ formula, inputs: 2, dimensions: [{ size: 0, steps: [1, 1] }] });
      for (let job = 0; job < 200; job++) {
        const size = n - job;
        new Float32Array(bytes, a, n).fill(job);
        new Float32Array(bytes, b, n).fill(2);
        new Float32Array(bytes, y, n).fill(-1);
        pool.share(id, [a, b, y], size, PIECE, size);
        const result = new Float32Array(bytes, y, n);
        assert.ok(
          result.subarray(0, size).every((value) => value === job + 2),
          `job ${job}`,
        );
        assert.ok(
          result.subarray(size).every((value) => value === -1),
          `beyond the end of job ${job}`,
        );
      }
    } finally {
      pool.close();
    }
  });

  const formula = f.neg(f.input(0));
  const n = 100_000;
  const work = (pool: KernelPool) => {
    const id = pool.kernel({ formula, inputs: 1, dimensions: [{ size: 0, steps: [1] }] });
    pool.share(id, [0, 4 * n], n, PIECE, n);
  };

  it('gives up on a thread that took a piece and does not finish it, and stays closed', () => {
    const lost: StartThread = ({ control }) => {
      // The next piece goes to a thread that never computes it.
      const { next, words } = controlOf(control);
      Atomics.store(words, WORD.pieces, 0);
      const add = Atomics.add;
      Atomics.add = ((array: Int32Array, index: number, value: number) => {
        if (array === words || array.buffer !== control || index !== WORD.wake)
          return add(array, index, value);
        Atomics.add = add;
        add(next, 0, 1n);
        return add(array, index, value);
      }) as typeof Atomics.add;
      return { stop: () => {} };
    };
    const pool = new KernelPool(memory, PAGES, 2, lost, 50);
    const failure = { name: 'DeviceError', message: /A thread of the device failed during a vector kernel/ };
    assert.throws(() => work(pool), failure);
    assert.throws(() => work(pool), failure);
    assert.equal(pool.failed, true);
    pool.close();
  });

  it('computes everything alone if no thread starts', () => {
    const pool = new KernelPool(memory, PAGES, 4, () => ({ stop: () => {} }));
    new Float32Array(bytes, 0, n).fill(3);
    work(pool);
    assert.ok(new Float32Array(bytes, 4 * n, n).every((value) => value === -3));
    pool.close();
  });
});
