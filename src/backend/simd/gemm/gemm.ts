import { bitsOf } from '../../../webassembly/terms.js';
import { ordered } from '../kernel-module.js';
import { type Job, VectorOperation } from '../operation.js';
import { CACHE_LINE, type KernelPool, PRODUCTS_PER_ELEMENT } from '../pool.js';
import { type Epilogue, extraArguments } from './epilogue.js';
import { encodeProduct, ownBytes, PRODUCT_ARGS, roundUp, type Shared } from './kernel.js';
import type { Tile } from './micro.js';
import { encodePack, PACK_ARGS } from './pack.js';
import { tileOfMachine } from './tile.js';

/** Strides of a matrix, in elements. */
export interface Strides {
  readonly row: number;
  readonly column: number;
  /** From one matrix of a batch to the next, along the batch's two dimensions; 0 where all use the same matrix. */
  readonly batch?: readonly [outer: number, inner: number];
}

/** C = activation(alpha · A · B + beta · C + bias), for every matrix of a batch. */
export interface Product extends Epilogue {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** m × k. Swap the strides to read the matrix transposed. */
  readonly a: Strides;
  /** k × n. */
  readonly b: Strides;
  /** m × n; one of its strides is 1. */
  readonly c: Strides;
  /** Sizes of the batch's two dimensions. */
  readonly batch?: readonly [outer: number, inner: number];
  readonly alpha?: number;
  /** C is not read if it is 0. */
  readonly beta?: number;
}

/** Largest part of k that is packed into panels at a time. */
const BLOCK = 320;
/** Columns, or rows, of the block of C that is one piece, before it is made smaller for many threads. */
const SPAN = 192;
const SMALLEST_SPAN = 24;
/**
 * Most multiplications in a piece: some tens of milliseconds, far below the time after which a thread counts as dead.
 */
const MOST_PRODUCTS = 2 ** 29;
/** Pieces for each thread, so that none waits long for another. */
const PIECES = 4;

/**
 * A matrix product of float32.
 *
 * Operands of `run`: a, b, c, and what the epilogue reads: the bias if there is one, then `others`.
 */
export function gemm(pool: KernelPool, product: Product, tile = tileOfMachine()): VectorOperation {
  const { c } = product;
  if (c.column !== 1 && c.row === 1) return exchanged(pool, product, tile);
  const plan = divide(pool, product, tile);
  const { shared, rows, columns, block } = plan;
  const { m, n, k, a, b, batch: [outer, inner] = [1, 1], alpha = 1, beta = 0 } = product;
  const matrices = outer * inner;
  const elements = (matrices * m * n * Math.max(1, k)) / PRODUCTS_PER_ELEMENT;
  const own = roundUp(ownBytes(tile, shared, rows, columns, block), CACHE_LINE);
  const threads = pool.divides(elements) ? pool.threads : 1;
  const jobs: Job[] = [];
  let packedBytes = 0;
  let sharedSteps: readonly [number, number] = [0, 0];
  if (shared !== 'none') {
    const [count, width, from, stepI, stepK] =
      shared === 'a' ? [m, tile.rows, a, a.row, a.column] : [n, tile.columns, b, b.column, b.row];
    const steps = from.batch ?? [0, 0];
    const distinct = [steps[0] === 0 ? 1 : outer, steps[1] === 0 ? 1 : inner] as const;
    const whole = 4 * roundUp(count, width) * k;
    sharedSteps = [steps[0] === 0 ? 0 : whole * distinct[1], steps[1] === 0 ? 0 : whole];
    packedBytes = roundUp(whole * distinct[0] * distinct[1], CACHE_LINE);
    const total = Math.ceil(count / width) * distinct[0] * distinct[1];
    jobs.push({
      kernel: pool.compile({ pack: width }, (pages) => encodePack(width, pages)),
      total,
      piece: Math.ceil(8192 / (width * Math.max(1, k))),
      elements: total * width * k,
      args: (operands, scratch) =>
        ordered(PACK_ARGS, {
          source: operands[shared === 'a' ? 0 : 1]!,
          target: scratch,
          stepK: 4 * stepK,
          stepI: 4 * stepI,
          count,
          k,
          block,
          inner: distinct[1],
          sourceOuter: 4 * steps[0],
          sourceInner: 4 * steps[1],
          targetOuter: sharedSteps[0],
          targetInner: sharedSteps[1],
        }),
    });
  }
  const { bias, activation, others } = product;
  const epilogue = { ...(bias && { bias }), ...(activation && { activation }), ...(others && { others }) };
  const [rowTiles, columnTiles] = [Math.ceil(m / rows), Math.ceil(n / columns)];
  const at = (strides: Strides, along: 0 | 1): number => 4 * (strides.batch?.[along] ?? 0);
  jobs.push({
    kernel: pool.compile({ product: tile, shared, epilogue }, (pages) =>
      encodeProduct(tile, shared, epilogue, pages),
    ),
    total: matrices * rowTiles * columnTiles,
    piece: Math.max(1, Math.floor(2 ** 17 / (rows * columns * Math.max(1, k)))),
    elements,
    args: (operands, scratch) =>
      ordered(PRODUCT_ARGS, {
        a: operands[0]!,
        b: operands[1]!,
        c: operands[2]!,
        ...extraArguments(epilogue, operands),
        shared: scratch,
        own: scratch + packedBytes,
        ownBytes: own,
        m,
        n,
        k,
        block,
        aRow: 4 * a.row,
        aColumn: 4 * a.column,
        bRow: 4 * b.row,
        bColumn: 4 * b.column,
        cRow: 4 * c.row,
        inner,
        aOuter: at(a, 0),
        aInner: at(a, 1),
        bOuter: at(b, 0),
        bInner: at(b, 1),
        cOuter: at(c, 0),
        cInner: at(c, 1),
        sharedOuter: sharedSteps[0],
        sharedInner: sharedSteps[1],
        alpha: bitsOf(alpha),
        beta: bitsOf(beta),
        rows,
        columns,
        rowTiles,
        columnTiles,
      }),
  });
  return new VectorOperation(pool, packedBytes + threads * own, jobs);
}

/** What an epilogue reads for the transposed result. */
const TURNED = { row: 'column', column: 'row', whole: 'whole' } as const;

/** The transposed product, Cᵀ = Bᵀ · Aᵀ, which writes the same memory. */
function exchanged(pool: KernelPool, product: Product, tile: Tile): VectorOperation {
  const { m, n, a, b, c, bias, others } = product;
  const turn = ({ row, column, batch }: Strides): Strides => ({
    row: column,
    column: row,
    ...(batch && { batch }),
  });
  const { ownBytes, jobs } = gemm(
    pool,
    {
      ...product,
      m: n,
      n: m,
      a: turn(b),
      b: turn(a),
      c: turn(c),
      ...(bias && { bias: TURNED[bias] }),
      ...(others && { others: others.map((extra) => TURNED[extra]) }),
    },
    tile,
  );
  return new VectorOperation(
    pool,
    ownBytes,
    jobs.map((job) => ({
      ...job,
      args: ([first, second, ...rest], ...places) => job.args([second!, first!, ...rest], ...places),
    })),
  );
}

interface Division {
  readonly shared: Shared;
  readonly rows: number;
  readonly columns: number;
  readonly block: number;
}

/**
 * Decides which operand is packed once for all threads (the smaller one, if several pieces use it) and which block of C
 * is one piece. Neither changes the order in which the products of an element of C are added.
 */
function divide(pool: KernelPool, { m, n, k, a, b, batch = [1, 1] }: Product, tile: Tile): Division {
  const matrices = batch[0] * batch[1];
  const blocks = Math.max(1, Math.ceil(k / BLOCK));
  const block = Math.max(1, Math.ceil(k / blocks));
  const threads = pool.divides((matrices * m * n * k) / PRODUCTS_PER_ELEMENT) ? pool.threads : 1;
  const wanted = threads === 1 ? 1 : PIECES * threads;
  const repeats = ({ batch: steps = [0, 0] }: Strides): number =>
    (steps[0] === 0 ? batch[0] : 1) * (steps[1] === 0 ? batch[1] : 1);
  const size = (strides: Strides, numbers: number): number => (numbers * matrices) / repeats(strides);
  const small = size(a, m * k) <= size(b, k * n) ? 'a' : 'b';
  /** The dimension that is divided first, and the one that is divided only if the first is too short. */
  const [long, short, longStep, shortStep] =
    small === 'a' ? [n, m, tile.columns, tile.rows] : [m, n, tile.rows, tile.columns];
  let span = roundUp(Math.max(1, Math.min(long, SPAN)), longStep);
  const count = (): number => matrices * Math.ceil(long / span);
  while (count() < wanted && span > SMALLEST_SPAN) span = roundUp(span / 2, longStep);
  let other = roundUp(Math.max(1, short), shortStep);
  while (count() * Math.ceil(short / other) < wanted && other > SMALLEST_SPAN)
    other = roundUp(other / 2, shortStep);
  while (span * other * k > MOST_PRODUCTS && other > SMALLEST_SPAN) other = roundUp(other / 2, shortStep);
  const alone = Math.ceil(long / span) * repeats(small === 'a' ? a : b) <= 1;
  const shared = alone && other <= SPAN ? 'none' : small;
  return small === 'a'
    ? { shared, rows: other, columns: span, block }
    : { shared, rows: span, columns: other, block };
}
