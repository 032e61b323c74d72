import { add, mul, sub } from '../../../webassembly/terms.js';
import { KernelModule, ordered } from '../kernel-module.js';
import { VectorOperation } from '../operation.js';
import type { KernelPool } from '../pool.js';
import { zeroElements } from './elements.js';
import { COPY_ARGS, encodeCopy, type Inner, OUTER } from './kernel.js';

/** One dimension of a copy: its size, and the distances between its numbers on both sides, in elements. */
export interface CopyDimension {
  readonly size: number;
  /** Stride of the source; 0 repeats the numbers. */
  readonly from: number;
  readonly to: number;
}

/** A distance in elements; a function if it changes from run to run. */
export type Offset = number | (() => number);
const elements = (offset: Offset): number => (typeof offset === 'number' ? offset : offset());

/** Elements that one piece copies. */
const PIECE = 2 ** 14;
/** Largest number of dimensions of a copy. */
export const MOST_DIMENSIONS = OUTER + 2;
/** Rows of a piece that is transposed: a cache line on one side. */
const TILE_ROWS = 16;

/**
 * Copies 32-bit numbers between any two sets of strides: to permute, slice, broadcast or concatenate. Operands of
 * `run`: source and target.
 *
 * @param dimensions outermost first; at most `MOST_DIMENSIONS` remain after adjacent ones are joined
 * @param offsets of the first number on each side, in elements
 */
export function copyStrided(
  pool: KernelPool,
  dimensions: readonly CopyDimension[],
  offsets: readonly [from: Offset, to: Offset] = [0, 0],
): VectorOperation {
  const joined = join(dimensions);
  const count = dimensions.reduce((n, { size }) => n * size, 1);
  const { inner, row, column, outer } = arrange(joined);
  if (outer.length > OUTER) throw new RangeError(`a copy of ${joined.length} dimensions`);
  const lines = outer.reduce((n, { size }) => n * size, 1);
  const rowBlock =
    inner === 'tiles'
      ? TILE_ROWS
      : Math.max(1, Math.min(row.size, Math.floor(PIECE / Math.max(1, column.size))));
  const blocks = Math.ceil(row.size / rowBlock);
  const each = rowBlock * column.size;
  const values: Record<string, number> = {
    rows: row.size,
    columns: column.size,
    rowBlock,
    rowFrom: 4 * row.from,
    rowTo: 4 * row.to,
    columnFrom: 4 * column.from,
    columnTo: 4 * column.to,
  };
  for (let d = 0; d < OUTER; d++) {
    const { size, from, to } = outer[d] ?? ONE;
    Object.assign(values, { [`size${d}`]: size, [`from${d}`]: 4 * from, [`to${d}`]: 4 * to });
  }
  return new VectorOperation(pool, 0, [
    {
      kernel: pool.compile({ copy: inner }, (pages) => encodeCopy(inner, pages)),
      total: count === 0 ? 0 : lines * blocks,
      piece: Math.max(1, Math.floor(PIECE / Math.max(1, each))),
      elements: count,
      varies: offsets.some((offset) => typeof offset !== 'number'),
      args: ([source, target]) =>
        ordered(COPY_ARGS, {
          ...values,
          source: source! + 4 * elements(offsets[0]),
          target: target! + 4 * elements(offsets[1]),
        }),
    },
  ]);
}

/** Writes zeros. Operand of `run`: the target. */
export function fillWithZeros(pool: KernelPool, count: number): VectorOperation {
  return new VectorOperation(pool, 0, [
    {
      kernel: pool.compile({ fill: 'zeros' }, encodeZeros),
      total: count,
      piece: PIECE,
      elements: count,
      args: ([target]) => [target!],
    },
  ]);
}

function encodeZeros(pages: number): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  const zero = zeroElements(module);
  module.run(['target'], (routine, { target, from, to }) =>
    routine.call(zero, add(target, mul(from, 4)), sub(to, from)),
  );
  return module.encodeFor(pages);
}

const ONE: CopyDimension = { size: 1, from: 0, to: 0 };

/** Merges adjacent dimensions that are contiguous on both sides. */
function join(dimensions: readonly CopyDimension[]): CopyDimension[] {
  const joined: CopyDimension[] = [];
  for (const next of dimensions) {
    if (next.size === 1) continue;
    const last = joined.at(-1);
    if (last && last.from === next.from * next.size && last.to === next.to * next.size)
      joined[joined.length - 1] = { size: last.size * next.size, from: next.from, to: next.to };
    else joined.push(next);
  }
  return joined;
}

interface Arrangement {
  readonly inner: Inner;
  readonly row: CopyDimension;
  readonly column: CopyDimension;
  readonly outer: readonly CopyDimension[];
}

/** Chooses the two inner dimensions. */
function arrange(joined: readonly CopyDimension[]): Arrangement {
  const without = (...used: readonly CopyDimension[]) => joined.filter((one) => !used.includes(one));
  const column = joined.findLast(({ to }) => to === 1) ?? joined.at(-1) ?? ONE;
  const rest = without(column);
  const adjacent = rest.find(({ from }) => from === 1);
  if (column.to === 1 && column.from !== 1 && adjacent)
    return { inner: 'tiles', row: adjacent, column, outer: without(column, adjacent) };
  const row = rest.at(-1) ?? ONE;
  const inner = column.to === 1 && column.from === 1 ? 'rows' : 'single';
  return { inner, row, column, outer: without(column, row) };
}
