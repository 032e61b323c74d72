import { Generator } from '../random.js';

/** Keeps the order of images apart from other uses of the same seed. */
const STREAM = 0x5a3b1e;

/** What decides the order of an epoch, and nothing else does. */
export interface EpochOrder {
  /** Number of images. */
  length: number;
  shuffle: boolean;
  seed: number;
  /** From 0. */
  epoch: number;
}

/**
 * The order in which an epoch visits the images: a pure function of its arguments, so that a resumed run
 * sees what an uninterrupted one would have seen.
 *
 * @returns the indices 0 to length - 1; shuffled anew each epoch when `shuffle` is set
 * @throws UsageError for a seed, an epoch or a length that cannot be
 */
export function epochOrder({ length, shuffle, seed, epoch }: EpochOrder): Int32Array {
  const generator = new Generator(seed, STREAM).fork(epoch);
  return shuffle ? generator.permutation(length) : Int32Array.from({ length }, (_, i) => i);
}

/** How many batches an epoch has; the last, smaller one counts unless `dropLast` is set. */
export function batchCount(length: number, batchSize: number, dropLast: boolean): number {
  return dropLast ? Math.floor(length / batchSize) : Math.ceil(length / batchSize);
}
