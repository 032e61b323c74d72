import type { Rows } from '../../tensor/random.js';
import type { Batch, SampleBatch } from '../batch.js';
import type { Augmentation } from '../transforms/host/index.js';

/** Batches one after another. */
export type Batches = AsyncGenerator<Batch | SampleBatch, void, void>;

/** What decides the batches of an epoch. */
export interface EpochOrder {
  /** Indices of the samples of each batch. */
  readonly indices: (index: number) => Int32Array;
  /** The transforms of single images, with the random numbers of the batch. */
  readonly augmentation: (index: number) => Augmentation | undefined;
}

/** One of several ranks that share each batch. */
export interface Share {
  readonly ranks: number;
  readonly rank: number;
}

/**
 * This rank's rows of a batch of `total` samples. If there are fewer samples than ranks, a rank without samples gets the
 * first sample as a placeholder, because graphs cannot have empty batches; the placeholder does not count.
 */
export function rowsOf({ ranks, rank }: Share, total: number): Rows {
  const at = (one: number) => Math.floor((total * one) / ranks);
  const [start, end] = [at(rank), at(rank + 1)];
  return end > start ? { start, count: end - start, total } : { start: 0, count: 0, total };
}

/** This rank's samples of a batch. */
export function partOf(share: Share, whole: Int32Array): Int32Array {
  const { start, count } = rowsOf(share, whole.length);
  return whole.slice(start, start + Math.max(1, count));
}
