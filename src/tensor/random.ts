import { type Shape, sizeOf } from '../graph/types.js';
import { Generator, type GeneratorState } from '../random.js';

/**
 * This bit is set in the counters of dropout keys. Streams of a Generator are below 2^53 and forks set the highest bit,
 * so dropout masks never share random numbers with them, whatever the seeds.
 */
const KEY_TAG = 0x40000000;
const TWO32 = 2 ** 32;
/** Fork number of the generator for initialisers, which separates it from other generators with the same seed. */
const INIT_FORK = 1;

/** State of the global random numbers, as JSON data. */
export interface RandomState {
  key: [number, number];
  /** Number of keys drawn so far. */
  counter: number;
  init: GeneratorState;
}

let key: [number, number];
let counter: number;
let init: Generator;
manualSeed(0);

/**
 * Seeds initialisers and dropout. The default seed is 0, so a program that does not call this gives the same numbers in
 * every run.
 *
 * @param seed any safe integer
 * @throws UsageError if the seed is not a safe integer
 * @example
 * manualSeed(42);
 * const model = new MyNet(); // the same weights every time
 */
export function manualSeed(seed: number): void {
  const generator = new Generator(seed);
  key = generator.state().key;
  counter = 0;
  init = generator.fork(INIT_FORK);
}

/** The generator for initial parameter values. */
export const initGenerator = (): Generator => init;

/** The rows of a batch that this process computes, while others compute the other rows. */
export interface Rows {
  /** First row. */
  readonly start: number;
  /** Number of rows; 0 for a placeholder row that does not count. */
  readonly count: number;
  /** Number of rows of the whole batch. */
  readonly total: number;
}

let rows: Rows | undefined;
/** Rank of this process, if several ranks share one batch. */
let rank: number | undefined;

/**
 * Sets the rank for the random masks of later forward passes without {@link withRows}: they are drawn for this rank's
 * part of a batch that is divided equally over all ranks. Undefined: this process has the whole batch.
 */
export function setMaskRank(number: number | undefined): void {
  rank = number;
}

/** Runs a forward pass on some rows of a batch: its random masks are those rows of the whole batch's masks. */
export function withRows<T>(some: Rows | undefined, body: () => T): T {
  const before = rows;
  rows = some;
  try {
    return body();
  } finally {
    rows = before;
  }
}

/** The rows of the forward pass that is being described; undefined for a whole batch. */
export const currentRows = (): Rows | undefined => rows;

/**
 * A unique key for one random mask: two Philox key words and two counter words; for some rows of a batch also the number
 * of elements before them, low word first.
 *
 * @param shape of the mask; its first dimension, or the first ones joined, are the rows
 */
export function nextKey(shape: Shape): Int32Array {
  const words = [key[0], key[1], counter % TWO32, Math.floor(counter / TWO32) | KEY_TAG];
  counter++;
  if (!rows && rank === undefined) return Int32Array.from(words);
  const size = sizeOf(shape);
  const before = rows ? rows.start * Math.ceil(size / Math.max(1, rows.count)) : rank! * size;
  return Int32Array.of(...words, before % TWO32, Math.floor(before / TWO32));
}

/** A copy of the global random state, for a checkpoint. */
export const randomState = (): RandomState => ({ key: [...key], counter, init: init.state() });

/**
 * Restores a state from `randomState()`.
 *
 * @throws UsageError if the state is not valid
 */
export function setRandomState(state: RandomState): void {
  init = Generator.fromState(state.init);
  // Reuses the checks of a generator's state.
  ({ key, position: counter } = Generator.fromState({
    key: state.key,
    stream: 0,
    position: state.counter,
    spare: null,
  }).state());
}
