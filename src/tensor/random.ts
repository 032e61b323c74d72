import { Generator, type GeneratorState } from '../random.js';

/**
 * Counter words of dropout keys carry this bit. Streams of a Generator stay below 2^53 and forks set the
 * highest bit, so that no mask shares a block with any of them, whatever the seeds.
 */
const KEY_TAG = 0x40000000;
const TWO32 = 2 ** 32;
/** The fork that initialisers draw from, apart from whatever else is seeded with the same number. */
const INIT_FORK = 1;

/** Everything that decides the library's random numbers to come; survives `JSON.stringify`. */
export interface RandomState {
  key: [number, number];
  /** How many keys have been drawn. */
  counter: number;
  init: GeneratorState;
}

let key: [number, number];
let counter: number;
let init: Generator;
manualSeed(0);

/**
 * Seeds initialisers and dropout. Without a call the seed is 0, so that a program gives the same numbers each
 * time that it runs.
 *
 * @param seed any safe integer
 * @throws UsageError for anything else
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

/** The generator that layers initialise themselves from. */
export const initGenerator = (): Generator => init;

/** A key for one random operation of the graph: two Philox key words and two counter words; never the same twice. */
export function nextKey(): Int32Array {
  const words = Int32Array.of(key[0], key[1], counter % TWO32, Math.floor(counter / TWO32) | KEY_TAG);
  counter++;
  return words;
}

/** A copy of the random state, to be saved with a checkpoint. */
export const randomState = (): RandomState => ({ key: [...key], counter, init: init.state() });

/**
 * Continues exactly where `randomState()` was taken.
 *
 * @throws UsageError for a state that is not one
 */
export function setRandomState(state: RandomState): void {
  init = Generator.fromState(state.init);
  // The same checks that a generator's own state gets.
  ({ key, position: counter } = Generator.fromState({
    key: state.key,
    stream: 0,
    position: state.counter,
    spare: null,
  }).state());
}
