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

/** A unique key for one random operation: two Philox key words and two counter words. */
export function nextKey(): Int32Array {
  const words = Int32Array.of(key[0], key[1], counter % TWO32, Math.floor(counter / TWO32) | KEY_TAG);
  counter++;
  return words;
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
