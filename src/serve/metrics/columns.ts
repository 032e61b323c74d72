import type { Series, SeriesKey, SeriesValues } from '../api.js';

export const SERIES_KEYS = [
  'loss',
  'lr',
  'imagesPerSecond',
  'stepSeconds',
  'dataSeconds',
  'rssMiB',
] as const satisfies readonly SeriesKey[];

/** Rows per block at each level. */
const LEVELS = [32, 1024] as const;
const FIRST_CAPACITY = 1024;
/** Significant digits of numbers in answers: the precision of float32. */
const DIGITS = 7;

/** Minimum, maximum, sum and number of the finite rows in each block. */
interface Level {
  readonly rows: number;
  min: Float32Array;
  max: Float32Array;
  sum: Float64Array;
  count: Uint16Array;
}

interface Column {
  values: Float32Array;
  readonly levels: readonly Level[];
}

function grown<A extends Float32Array | Float64Array | Uint16Array | Uint32Array>(
  array: A,
  length: number,
): A {
  const larger = new (array.constructor as new (length: number) => A)(length);
  larger.set(array);
  return larger;
}

/**
 * The metrics of a run's steps as columns, with precomputed extremes and sums of blocks of rows, so that any range of
 * a run of any length is summarised in a few milliseconds. About 30 bytes per step.
 */
export class Columns<K extends string = SeriesKey> {
  length = 0;
  #steps = new Uint32Array(FIRST_CAPACITY);
  readonly #columns: readonly Column[];

  constructor(readonly keys: readonly K[]) {
    this.#columns = keys.map(() => ({
      values: new Float32Array(FIRST_CAPACITY),
      levels: LEVELS.map((rows) => ({
        rows,
        min: new Float32Array(FIRST_CAPACITY / rows),
        max: new Float32Array(FIRST_CAPACITY / rows),
        sum: new Float64Array(FIRST_CAPACITY / rows),
        count: new Uint16Array(FIRST_CAPACITY / rows),
      })),
    }));
  }

  get lastStep(): number {
    return this.length === 0 ? 0 : this.#steps[this.length - 1]!;
  }

  /**
   * Adds a row; a step that is not larger than the last one is skipped.
   *
   * @param numbers holds the values of the keys from `offset` on; NaN for unknown values
   */
  push(step: number, numbers: ArrayLike<number>, offset: number): void {
    const row = this.length;
    if (row > 0 && step <= this.#steps[row - 1]!) return;
    if (row === this.#steps.length) this.#grow();
    this.#steps[row] = step;
    this.length = row + 1;
    for (let c = 0; c < this.#columns.length; c++)
      this.#columns[c]!.values[row] = single(numbers[offset + c]!);
    if (this.length % LEVELS[0] !== 0) return;
    for (const { values, levels } of this.#columns)
      for (const level of levels) if (this.length % level.rows === 0) closeBlock(level, values, this.length);
  }

  /** Drops all rows after the first `length`. */
  truncate(length: number): void {
    // Only complete blocks are read, and dropped rows make their blocks incomplete, so blocks need no update.
    this.length = Math.min(length, this.length);
  }

  #grow(): void {
    // Multiples of the largest block.
    const capacity = Math.ceil((1.5 * this.#steps.length) / LEVELS[1]) * LEVELS[1];
    this.#steps = grown(this.#steps, capacity);
    for (const column of this.#columns) {
      column.values = grown(column.values, capacity);
      for (const level of column.levels) {
        level.min = grown(level.min, capacity / level.rows);
        level.max = grown(level.max, capacity / level.rows);
        level.sum = grown(level.sum, capacity / level.rows);
        level.count = grown(level.count, capacity / level.rows);
      }
    }
  }

  /** First row with at least this step. */
  rowOf(step: number): number {
    let [low, high] = [0, this.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#steps[middle]! < step) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * @param from first and last step, inclusive
   * @param points maximum number of buckets, with equal numbers of rows
   */
  series(keys: readonly K[], from: number, to: number, points: number): SeriesOf<K> {
    const first = this.rowOf(from);
    const total = Math.max(0, this.rowOf(to + 1) - first);
    const count = Math.min(points, total);
    const bounds = Array.from({ length: count + 1 }, (_, b) => first + Math.floor((b * total) / count));
    const values: Partial<Record<K, SeriesValues>> = {};
    for (const key of keys) {
      const column = this.#columns[this.keys.indexOf(key)]!;
      const [mean, min, max] = [new Array(count), new Array(count), new Array(count)] as (number | null)[][];
      const gaps: number[] = [];
      for (let b = 0; b < count; b++) {
        const [begin, end] = [bounds[b]!, bounds[b + 1]!];
        const range = sumUp(column, begin, end);
        const none = range.count === 0;
        mean![b] = none ? null : short(range.sum / range.count);
        min![b] = none ? null : short(range.min);
        max![b] = none ? null : short(range.max);
        if (range.count === end - begin) continue;
        let row = begin;
        while (!Number.isNaN(column.values[row]!)) row++;
        gaps.push(this.#steps[row]!);
      }
      values[key] = withGaps({ mean: mean!, min: min!, max: max! }, gaps);
    }
    return { step: bounds.slice(1).map((row) => this.#steps[row - 1]!), values, total };
  }

  /** Sums of a column's finite values up to evenly spaced rows, including the last one. */
  sums(key: K, points: number): { readonly step: readonly number[]; readonly sum: readonly number[] } {
    const column = this.#columns[this.keys.indexOf(key)]!;
    const count = Math.min(points, this.length);
    const step: number[] = [];
    const sum: number[] = [];
    let [row, total] = [0, 0];
    for (let i = 1; i <= count; i++) {
      const end = Math.floor((i * this.length) / count);
      total += sumUp(column, row, end).sum;
      row = end;
      step.push(this.#steps[end - 1]!);
      sum.push(short(total));
    }
    return { step, sum };
  }

  /** Size of the arrays in bytes. */
  get bytes(): number {
    const arrays = this.#columns.flatMap(({ values, levels }) => [
      values,
      ...levels.flatMap(({ min, max, sum, count }) => [min, max, sum, count]),
    ]);
    return arrays.reduce((total, array) => total + array.byteLength, this.#steps.byteLength);
  }
}

/** {@link Series} of any names. */
export type SeriesOf<K extends string> = Omit<Series, 'values'> & {
  readonly values: Readonly<Partial<Record<K, SeriesValues>>>;
};

/** Larger numbers would become infinite as float32, which JSON cannot represent, and their sum could be NaN. */
const LARGEST = 3.4e38;
const single = (value: number): number => Math.max(-LARGEST, Math.min(LARGEST, value));
export const short = (value: number): number => Number(single(value).toPrecision(DIGITS));

/** Adds `gaps` only if there are any. */
export const withGaps = (values: Omit<SeriesValues, 'gaps'>, gaps: readonly number[]): SeriesValues =>
  gaps.length === 0 ? values : { ...values, gaps };

function closeBlock({ rows, min, max, sum, count }: Level, values: Float32Array, end: number): void {
  let [low, high, total, finite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let i = end - rows; i < end; i++) {
    const value = values[i]!;
    if (Number.isNaN(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
    total += value;
    finite++;
  }
  const block = end / rows - 1;
  min[block] = low;
  max[block] = high;
  sum[block] = total;
  count[block] = finite;
}

/** Extremes, sum and number of finite rows from `from` to `to` (exclusive), using the largest blocks that fit. */
function sumUp({ values, levels }: Column, from: number, to: number) {
  let [min, max, sum, count] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let row = from; row < to; ) {
    let level: Level | undefined;
    for (const candidate of levels)
      if (row % candidate.rows === 0 && row + candidate.rows <= to) level = candidate;
    if (!level) {
      const value = values[row++]!;
      if (Number.isNaN(value)) continue;
      if (value < min) min = value;
      if (value > max) max = value;
      sum += value;
      count++;
      continue;
    }
    const block = row / level.rows;
    if (level.min[block]! < min) min = level.min[block]!;
    if (level.max[block]! > max) max = level.max[block]!;
    sum += level.sum[block]!;
    count += level.count[block]!;
    row += level.rows;
  }
  return { min, max, sum, count };
}
