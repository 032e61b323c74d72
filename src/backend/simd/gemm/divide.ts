import { type KernelPool, PRODUCTS_PER_ELEMENT } from '../pool.js';
import { roundUp, type Shared } from './kernel.js';
import type { Tile } from './micro.js';
import type { Product, Strides } from './product.js';

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

/** How a product is divided into pieces. */
export interface Division {
  readonly shared: Shared;
  readonly rows: number;
  readonly columns: number;
  readonly block: number;
  /** The work, in elements of an elementwise operation. */
  readonly elements: number;
}

/**
 * Decides which operand is packed once for all threads (the one that is constant, else the smaller one, if several pieces
 * use it) and which block of C is one piece. Neither changes the order in which the products of an element of C are added.
 */
export function divide(
  pool: KernelPool,
  { m, n, k, a, b, batch = [1, 1], constant }: Product,
  tile: Tile,
): Division {
  const matrices = batch[0] * batch[1];
  const blocks = Math.max(1, Math.ceil(k / BLOCK));
  const block = Math.max(1, Math.ceil(k / blocks));
  const elements = (matrices * m * n * Math.max(1, k)) / PRODUCTS_PER_ELEMENT;
  const threads = pool.divides(elements) ? pool.threads : 1;
  const wanted = threads === 1 ? 1 : PIECES * threads;
  const repeats = ({ batch: steps = [0, 0] }: Strides): number =>
    (steps[0] === 0 ? batch[0] : 1) * (steps[1] === 0 ? batch[1] : 1);
  const size = (strides: Strides, numbers: number): number => (numbers * matrices) / repeats(strides);
  const small = constant ?? (size(a, m * k) <= size(b, k * n) ? 'a' : 'b');
  /** The dimension that is divided first, and the one that is divided only if the first is too short. */
  const [long, short, longStep, shortStep] =
    small === 'a' ? [n, m, tile.columns, tile.rows] : [m, n, tile.rows, tile.columns];
  let span = roundUp(Math.max(1, Math.min(long, SPAN)), longStep);
  const count = (): number => matrices * Math.ceil(long / span);
  while (count() < wanted && span > SMALLEST_SPAN) span = roundUp(span / 2, longStep);
  if (threads > 1 && count() >= wanted) span = evenSpan(long, span, longStep, matrices, threads);
  let other = roundUp(Math.max(1, short), shortStep);
  while (count() * Math.ceil(short / other) < wanted && other > SMALLEST_SPAN)
    other = roundUp(other / 2, shortStep);
  while (span * other * k > MOST_PRODUCTS && other > SMALLEST_SPAN) other = roundUp(other / 2, shortStep);
  const alone = Math.ceil(long / span) * repeats(small === 'a' ? a : b) <= 1;
  const shared = alone && other <= SPAN && !constant ? 'none' : small;
  return small === 'a'
    ? { shared, rows: other, columns: span, block, elements }
    : { shared, rows: span, columns: other, block, elements };
}

/** A span of at most this size that gives all threads about as much to compute, in few pieces. */
function evenSpan(long: number, most: number, step: number, matrices: number, threads: number): number {
  let [best, least] = [most, Number.POSITIVE_INFINITY];
  const pieces = Math.ceil(long / most);
  for (let parts = pieces; parts < 2 * pieces + threads; parts++) {
    const span = roundUp(Math.ceil(long / parts), step);
    const time = span * Math.ceil((matrices * Math.ceil(long / span)) / threads);
    if (time < least) [best, least] = [span, time];
  }
  return best;
}
