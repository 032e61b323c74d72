import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { gemm } from '../../../../src/backend/simd/gemm/gemm.js';
import type { Tile } from '../../../../src/backend/simd/gemm/micro.js';
import type { Product, Strides } from '../../../../src/backend/simd/gemm/product.js';
import { evaluator, type Formula, f } from '../../../../src/ops/formula.js';
import { KernelMemory, near, numbers } from '../../../support/kernel-memory.js';

const alone = new KernelMemory();
const many = new KernelMemory(3);
after(() => {
  alone.close();
  many.close();
});

/** Rows of `columns` numbers, each row followed by `extra` others. */
const dense = (columns: number, extra = 0): Strides => ({ row: columns + extra, column: 1 });
const transposed = (rows: number, extra = 0): Strides => ({ row: 1, column: rows + extra });

const place = (
  { offset = 0, row, column, batch = [0, 0] }: Strides,
  o: number,
  i: number,
  r: number,
  c: number,
): number => offset + o * batch[0] + i * batch[1] + r * row + c * column;

/** One more than the largest position. */
const extent = (
  strides: Strides,
  rows: number,
  columns: number,
  [outer, inner]: readonly [number, number],
): number =>
  Math.min(rows, columns, outer, inner) === 0
    ? 1
    : place(strides, outer - 1, inner - 1, rows - 1, columns - 1) + 1;

/** Computes on a memory; gaps between rows of C must stay as they were. @returns C with its gaps, and what is right */
function compute(
  memory: KernelMemory,
  product: Product,
  tile?: Tile,
): { got: Float32Array; expected: Float64Array } {
  const { m, n, k, batch = [1, 1], alpha = 1, beta = 0, factors = [1, 1] } = product;
  memory.reset();
  const a = numbers(extent(product.a, m, k, batch), 1);
  const b = numbers(extent(product.b, k, n, batch), 2);
  const before = numbers(extent(product.c, m, n, batch), 3);
  const bias = numbers(Math.max(m, n), 4);
  const { others = [] } = product;
  const extras = others.map((extra, k) => numbers(extra === 'whole' ? before.length : Math.max(m, n), 5 + k));
  const expected = Float64Array.from(before);
  const activation = product.activation ? evaluator(product.activation) : undefined;
  for (let o = 0; o < batch[0]; o++)
    for (let i = 0; i < batch[1]; i++)
      for (let r = 0; r < m; r++)
        for (let c = 0; c < n; c++) {
          let sum = 0;
          for (let p = 0; p < k; p++)
            sum +=
              Math.fround(a[place(product.a, o, i, r, p)]! * factors[0]) *
              Math.fround(b[place(product.b, o, i, p, c)]! * factors[1]);
          const at = place(product.c, o, i, r, c);
          const value =
            alpha * sum + beta * before[at]! + (product.bias ? bias[product.bias === 'row' ? r : c]! : 0);
          const read = others.map((extra, k) => extras[k]![{ row: r, column: c, whole: at }[extra]]!);
          expected[at] = activation ? activation([value, ...read]) : value;
        }
  const all = [a, b, before, ...(product.bias ? [bias] : []), ...extras];
  const operands = all.map((values) => memory.put(values));
  memory.run(gemm(memory.pool, product, tile), operands, [operands[2]!, before.length]);
  return { got: memory.get(operands[2]!, before.length), expected };
}

function check(product: Product): void {
  const { got, expected } = compute(alone, product);
  near(got, expected, product.k, JSON.stringify(product));
  const shared = compute(many, product).got;
  assert.deepEqual(
    new Uint32Array(shared.buffer),
    new Uint32Array(got.buffer),
    'the same bits on three threads',
  );
}

describe('matrix product', () => {
  const SIZES: readonly (readonly [m: number, n: number, k: number])[] = [
    [1, 1, 1],
    [1, 9, 5],
    [7, 1, 3],
    [4, 8, 16],
    [6, 8, 4],
    [5, 7, 9],
    [13, 17, 11],
    [3, 40, 330],
    [61, 5, 700],
    [50, 70, 33],
    [250, 24, 20],
    [12, 410, 65],
    [197, 203, 321],
  ];
  for (const [m, n, k] of SIZES)
    it(`of ${m} × ${k} and ${k} × ${n}, transposed or not`, () => {
      for (const a of [dense(k), transposed(m), dense(k, 3), transposed(m, 2)])
        for (const b of [dense(n), transposed(k), dense(n, 5)]) check({ m, n, k, a, b, c: dense(n) });
    });

  it('has the same bits whatever the tile', () => {
    for (const [m, n, k] of [
      [61, 45, 700],
      [6, 7, 8],
    ] as const) {
      const product = { m, n, k, a: dense(k), b: transposed(k), c: dense(n), bias: 'row' } as const;
      const [first, ...others] = [4, 6, 8, 12, 2].map((rows) => {
        const { got, expected } = compute(alone, product, { rows, columns: 8, fused: false });
        near(got, expected, k, `${rows} rows`);
        return got;
      });
      for (const other of others) assert.deepEqual(other, first);
    }
  });

  it('writes rows with gaps, and columns', () => {
    for (const [m, n, k] of [
      [9, 11, 5],
      [130, 77, 40],
    ] as const)
      for (const c of [dense(n, 3), transposed(m), transposed(m, 1)])
        check({ m, n, k, a: dense(k), b: dense(n), c, bias: 'row' });
  });

  it('scales, adds to C, and adds a bias', () => {
    for (const [m, n, k] of [
      [5, 7, 9],
      [70, 90, 700],
    ] as const)
      for (const bias of ['row', 'column', undefined] as const)
        for (const [alpha, beta] of [
          [1, 1],
          [0.5, -2],
          [2, 0],
        ] as const)
          check({ m, n, k, a: dense(k), b: dense(n), c: dense(n), alpha, beta, ...(bias && { bias }) });
  });

  it('applies a formula to the result', () => {
    const x = f.input(0);
    for (const activation of [f.max(x, 0), f.mul(x, f.div(1, f.add(1, f.exp(f.neg(x)))))])
      check({ m: 11, n: 13, k: 9, a: dense(9), b: dense(13), c: dense(13), bias: 'column', activation });
  });

  it('applies a formula of the result, of numbers of its row and column, and of another value', () => {
    const [x, a, b, y] = [0, 1, 2, 3].map((index) => f.input(index)) as [Formula, Formula, Formula, Formula];
    const rest = {
      activation: f.max(f.add(f.mul(f.sub(x, a), b), y), -0.5),
      others: ['row', 'column', 'whole'],
    } as const;
    for (const [m, n, k] of [
      [11, 13, 9],
      [70, 90, 330],
    ] as const)
      for (const bias of ['column', undefined] as const)
        for (const c of [dense(n), dense(n, 3), transposed(m)])
          check({ m, n, k, a: dense(k), b: dense(n), c, ...(bias && { bias }), ...rest });
    const own = (size: number): readonly [number, number] => [0, size];
    check({
      ...{ m: 9, n: 7, k: 5, batch: [1, 6] },
      a: { ...dense(5), batch: own(45) },
      b: { ...dense(7), batch: own(35) },
      c: { ...dense(7), batch: own(63) },
      ...rest,
    });
  });

  it('of batches, in two dimensions, with operands that several use', () => {
    const [m, n, k] = [9, 21, 14];
    const own = (size: number, inner: number): readonly [number, number] => [inner * size, size];
    const B = [3, 4] as const;
    for (const aBatch of [own(m * k, B[1]), [0, 0], [m * k, 0], [0, m * k]] as const)
      for (const bBatch of [own(k * n, B[1]), [0, 0], [0, k * n]] as const)
        check({
          ...{ m, n, k, batch: B },
          a: { ...dense(k), batch: aBatch },
          b: { ...transposed(k), batch: bBatch },
          c: { ...dense(n), batch: own(m * n, B[1]) },
        });
    // Heads side by side in each row.
    const [heads, width, rows] = [4, 6, 10];
    const side = { row: heads * width, column: 1, batch: [rows * heads * width, width] as const };
    check({
      ...{ m: rows, n: rows, k: width, batch: [2, heads] },
      a: side,
      b: { ...side, row: 1, column: heads * width },
      c: { ...dense(rows), batch: own(rows * rows, heads) },
    });
    check({
      ...{ m: rows, n: width, k: rows, batch: [2, heads] },
      a: { ...dense(rows), batch: own(rows * rows, heads) },
      b: side,
      c: side,
    });
  });

  it('multiplies the operands by factors, from an offset on, also if one is constant', () => {
    for (const [m, n, k] of [
      [9, 12, 7],
      [67, 61, 300],
      [300, 65, 12],
    ] as const)
      for (const factors of [
        [0.3, 1],
        [1, -1.7],
        [1, 1],
      ] as const)
        for (const constant of ['a', 'b', undefined] as const)
          for (const c of [dense(n), transposed(m)])
            check({
              ...{ m, n, k, factors, c },
              a: { ...dense(k, 5), offset: 3 },
              b: { ...transposed(k, 6), offset: 6 },
              ...(constant && { constant }),
            });
  });

  it('has the same bits if an operand was packed before, and in any parts of its rows', () => {
    const [m, n, k] = [50, 37, 29];
    const product: Product = { m, n, k, a: dense(k), b: transposed(k), c: dense(n), constant: 'b' };
    const { got, expected } = compute(alone, product);
    near(got, expected, k, 'all rows');
    alone.reset();
    const operands = [alone.put(numbers(m * k, 1)), alone.put(numbers(k * n, 2)), alone.room(m * n)];
    const operation = gemm(alone.pool, product);
    const [scratch, prepared] = [
      alone.room(operation.ownBytes / 4),
      alone.room(operation.preparation!.bytes / 4),
    ];
    operation.prepare(operands[1]!, prepared)();
    const { args, kernel } = operation.jobs[0]!;
    const call = { kernel, args: args(operands, scratch, prepared), scale: 1 };
    alone.pool.prepare([call, call], { total: m, piece: 7, elements: 0 })();
    assert.deepEqual(alone.get(operands[2]!, m * n), got);
  });

  it('over nothing is 0, and of no rows or columns does nothing', () => {
    check({ m: 5, n: 9, k: 0, a: dense(0), b: dense(9), c: dense(9), bias: 'column' });
    check({ m: 0, n: 9, k: 3, a: dense(3), b: dense(9), c: dense(9) });
    check({ m: 4, n: 0, k: 3, a: dense(3), b: dense(0), c: dense(1) });
    check({ m: 4, n: 5, k: 3, a: dense(3), b: dense(5), c: dense(5), batch: [0, 1] });
  });

  it('is divided into pieces of a bounded size, on any number of threads', () => {
    for (const memory of [alone, many])
      for (const [m, n, k] of [
        [8192, 8192, 8192],
        [32, 100_000, 16_384],
        [100_000, 300, 4096],
      ] as const) {
        const { jobs } = gemm(memory.pool, { m, n, k, a: dense(k), b: dense(n), c: dense(n) });
        const { total, piece } = jobs.at(-1)!;
        const pieces = Math.ceil(total / piece);
        assert.ok((m * n * k) / pieces <= 2 ** 29, `${pieces} pieces of ${m} × ${n} × ${k}`);
      }
  });

  it('keeps NaN and ∞ to their rows and columns', () => {
    for (const [m, n, k] of [
      [5, 9, 7],
      [61, 70, 330],
    ] as const) {
      alone.reset();
      const a = numbers(m * k);
      const b = numbers(k * n, 2);
      a[2 * k + 1] = Number.NaN;
      b[3 * n + 4] = Number.POSITIVE_INFINITY;
      const operands = [alone.put(a), alone.put(b), alone.room(m * n)];
      const product = { m, n, k, a: dense(k), b: dense(n), c: dense(n) };
      alone.run(gemm(alone.pool, product), operands, [operands[2]!, m * n]);
      const c = alone.get(operands[2]!, m * n);
      c.forEach((value, at) => {
        const [row, column] = [Math.floor(at / n), at % n];
        if (row === 2) assert.ok(Number.isNaN(value), `NaN in row ${row}`);
        else assert.equal(value, column === 4 ? Math.sign(a[row * k + 3]!) * Infinity : value);
        if (row !== 2) assert.equal(Number.isFinite(value), column !== 4);
      });
    }
  });
});
