import { bitsOf } from '../../../webassembly/terms.js';
import { ordered } from '../kernel-module.js';
import { type Job, VectorOperation } from '../operation.js';
import { CACHE_LINE, type KernelPool } from '../pool.js';
import { divide } from './divide.js';
import { extraArguments } from './epilogue.js';
import { encodeProduct, ownBytes, PRODUCT_ARGS, roundUp } from './kernel.js';
import type { Tile } from './micro.js';
import { packing } from './preparation.js';
import type { Product, Strides } from './product.js';
import { spansOf } from './spans.js';
import { tileOfMachine } from './tile.js';

/**
 * A matrix product of float32.
 *
 * Operands of `run`: a, b, c, and what the epilogue reads: the bias if there is one, then `others`.
 */
export function gemm(pool: KernelPool, product: Product, tile = tileOfMachine()): VectorOperation {
  const { c } = product;
  if (c.column !== 1 && c.row === 1) return exchanged(pool, product, tile);
  const { shared, rows, columns, block, elements } = divide(pool, product, tile);
  const { m, n, k, a, b, batch: [outer, inner] = [1, 1], alpha = 1, beta = 0 } = product;
  const { factors = [1, 1] } = product;
  const matrices = outer * inner;
  const [rowTiles, columnTiles] = [Math.ceil(m / rows), Math.ceil(n / columns)];
  const range = matrices === 1 && columnTiles === 1 ? 'rows' : 'blocks';
  const along = spansOf(product, range, shared, rowTiles * columnTiles);
  const own = roundUp(ownBytes(tile, shared, rows, columns, block), CACHE_LINE);
  // A chain may be divided even if the product alone is too small for it.
  const threads = along || pool.divides(elements) ? pool.threads : 1;
  const packed = shared === 'none' ? undefined : packing(pool, product, shared, tile, block);
  const { bias, activation, others } = product;
  const epilogue = { ...(bias && { bias }), ...(activation && { activation }), ...(others && { others }) };
  const at = (strides: Strides, along: 0 | 1): number => 4 * (strides.batch?.[along] ?? 0);
  const job: Job = {
    kernel: pool.compile({ product: tile, shared, epilogue, range }, (pages) =>
      encodeProduct({ tile, shared, epilogue, range }, pages),
    ),
    ...(range === 'rows'
      ? { total: m, piece: rows }
      : {
          total: matrices * rowTiles * columnTiles,
          piece: Math.max(1, Math.floor(2 ** 17 / (rows * columns * Math.max(1, k)))),
        }),
    elements,
    ...(along && { along }),
    args: (operands, scratch, prepared) =>
      ordered(PRODUCT_ARGS, {
        a: operands[0]! + 4 * (a.offset ?? 0),
        b: operands[1]! + 4 * (b.offset ?? 0),
        c: operands[2]!,
        ...extraArguments(epilogue, operands),
        shared: prepared,
        own: scratch,
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
        sharedOuter: packed?.steps[0] ?? 0,
        sharedInner: packed?.steps[1] ?? 0,
        factorA: bitsOf(factors[0]),
        factorB: bitsOf(factors[1]),
        alpha: bitsOf(alpha),
        beta: bitsOf(beta),
        rows,
        columns,
        rowTiles,
        columnTiles,
      }),
  };
  return new VectorOperation(pool, threads * own, [job], [], undefined, packed?.preparation);
}

/** What an epilogue reads for the transposed result. */
const TURNED = { row: 'column', column: 'row', whole: 'whole' } as const;

/** The transposed product, Cᵀ = Bᵀ · Aᵀ, which writes the same memory. */
function exchanged(pool: KernelPool, product: Product, tile: Tile): VectorOperation {
  const { m, n, a, b, c, bias, others, constant, factors } = product;
  const turn = ({ row, column, ...rest }: Strides): Strides => ({ ...rest, row: column, column: row });
  const turned = { a: 'b', b: 'a' } as const;
  const { ownBytes, jobs, preparation } = gemm(
    pool,
    {
      ...product,
      ...(constant && { constant: turned[constant] }),
      ...(factors && { factors: [factors[1], factors[0]] }),
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
  const swapped = (job: Job): Job => ({
    ...job,
    args: ([first, second, ...rest], ...places) => job.args([second!, first!, ...rest], ...places),
    ...(job.along && { along: { ...job.along, spans: swap(job.along.spans) } }),
  });
  return new VectorOperation(
    pool,
    ownBytes,
    jobs.map(swapped),
    [],
    undefined,
    preparation && {
      ...preparation,
      operand: 1 - preparation.operand,
      job: swapped(preparation.job),
    },
  );
}

const swap = <T>([first, second, ...rest]: readonly T[]): T[] => [second!, first!, ...rest];
