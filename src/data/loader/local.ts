import { assembleBatch, assembleSamples } from '../batch.js';
import { isSampleSet } from '../check-dataset.js';
import type { Dataset } from '../dataset.js';
import type { SampleSet } from '../samples/sample.js';
import { requestedAhead } from './ahead.js';
import type { Batches, EpochOrder } from './order.js';

/** Batches from `start` to `end` (excluded), `prefetch` of them in advance, of samples stacked or in a list. */
export interface Reading {
  readonly start: number;
  readonly end: number;
  readonly prefetch: number;
  readonly stacked: boolean;
}

/** Batches assembled in the calling thread. */
export async function* localBatches(
  set: Dataset | SampleSet<unknown>,
  { indices, augmentation }: EpochOrder,
  { start, end, prefetch, stacked }: Reading,
): Batches {
  let stopped = false;
  // One batch at a time, each in its own turn of the event loop, so that it is not blocked for long. A data set that
  // reads in other threads is asked for the next batch at once, so that those threads do not idle.
  let last: Promise<unknown> = Promise.resolve();
  const request = (index: number) => {
    const assemble = async () => {
      await turn();
      if (stopped) return undefined;
      return isSampleSet(set)
        ? assembleSamples(set, indices(index), index, stacked)
        : assembleBatch(set, indices(index), index, augmentation(index));
    };
    const batch = 'readMany' in set && set.readMany ? assemble() : last.then(assemble, assemble);
    last = batch.catch(() => {});
    return batch;
  };
  try {
    yield* requestedAhead({ start, end, ahead: prefetch }, request, async (batch) => (await batch)!);
  } finally {
    stopped = true;
  }
}

/** Yields to the event loop, so that timers and I/O run. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    // Browsers have no setImmediate.
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
