import type { AnyBatch } from '../../data/batch.js';
import { Generator } from '../../random.js';
import { drawsFrom } from './draws.js';
import type { MeasureContext } from './method.js';

/** Stream numbers: make a step's random values independent of other uses of the same seed. */
const STREAMS = { step: 0x5a3b23, measure: 0x5a3b24, samples: 0x5a3b25 } as const;

/** The part of a context that depends only on the batch. */
export function contextOf(
  {
    batch,
    epoch,
    batches,
    seed,
  }: {
    readonly batch: AnyBatch;
    readonly epoch: number;
    /** Batches of an epoch. */
    readonly batches: number;
    readonly seed: number;
  },
  stream: keyof typeof STREAMS = 'step',
): MeasureContext {
  const { index, indices, rows } = batch;
  const generator = new Generator(seed, STREAMS[stream]).fork(epoch * batches + index);
  return {
    ...drawsFrom(generator, { count: indices.length, rows }),
    epoch,
    index,
    count: indices.length,
    indices,
  };
}

/** The values that samples are made from: the same ones each time. */
export const sampleDraws = (seed: number) => drawsFrom(new Generator(seed, STREAMS.samples));
