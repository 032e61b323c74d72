import { Generator } from '../random.js';

/** Stream number: makes the order of images independent of other uses of the same seed. */
const STREAM = 0x5a3b1e;

/** Everything that determines the order of an epoch. */
export interface EpochOrder {
  /** Number of images. */
  length: number;
  shuffle: boolean;
  seed: number;
  /** From 0. */
  epoch: number;
}

/**
 * The order in which an epoch visits the images: a pure function of its arguments, so that a resumed run sees the same
 * order as an uninterrupted one.
 *
 * @returns the indices 0 to length - 1, shuffled anew each epoch if `shuffle` is set
 * @throws UsageError for a seed, epoch or length out of range
 */
export function epochOrder({ length, shuffle, seed, epoch }: EpochOrder): Int32Array {
  const generator = new Generator(seed, STREAM).fork(epoch);
  return shuffle ? generator.permutation(length) : Int32Array.from({ length }, (_, i) => i);
}

/** Number of batches per epoch; a smaller last batch counts unless `dropLast` is set. */
export function batchCount(length: number, batchSize: number, dropLast: boolean): number {
  return dropLast ? Math.floor(length / batchSize) : Math.ceil(length / batchSize);
}
