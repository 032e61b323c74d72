import { shown } from '../../errors/arguments.js';
import { DataError } from '../../errors/errors.js';
import { packed, type SampleBatch } from '../batch.js';
import type { IterableSet } from '../samples/sample.js';

/** Which batches of an epoch to read, and how samples are grouped. */
export interface Streaming {
  readonly epoch: number;
  /** Index of the first batch. */
  readonly start: number;
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly stacked: boolean;
}

/**
 * Batches of a data set that is read in its order; samples before `start` are read and discarded.
 * @throws DataError if it has more or fewer samples than its length says
 */
export async function* streamedBatches(
  set: IterableSet<unknown>,
  { epoch, start, batchSize, dropLast, stacked }: Streaming,
): AsyncGenerator<SampleBatch, void, void> {
  const { name, length } = set;
  const first = start * batchSize;
  let samples: unknown[] = [];
  let read = 0;
  const batch = async (): Promise<SampleBatch> => {
    const from = read - samples.length;
    const indices = Int32Array.from(samples, (_, i) => from + i);
    const values = await packed(name, samples, stacked, (i) => from + i);
    samples = [];
    return { values, indices, index: Math.floor(from / batchSize) };
  };
  for await (const sample of samplesOf(set, epoch)) {
    if (++read > (length ?? read)) throw miscounted(name, length!, 'more');
    if (read <= first) continue;
    samples.push(sample);
    if (samples.length === batchSize) yield await batch();
  }
  if (read < (length ?? read)) throw miscounted(name, length!, read);
  if (samples.length > 0 && !dropLast) yield await batch();
}

/** @throws DataError unless it gives something that can be iterated */
function samplesOf(set: IterableSet<unknown>, epoch: number): AsyncIterable<unknown> | Iterable<unknown> {
  const found: unknown = set.iterate(epoch);
  const iterable = typeof found === 'object' && found !== null;
  if (iterable && (Symbol.asyncIterator in found || Symbol.iterator in found))
    return found as AsyncIterable<unknown> | Iterable<unknown>;
  throw new DataError({
    what: `iterate(epoch) of ${set.name} gives nothing that can be iterated`,
    expected: 'an iterator of samples, as from a generator function',
    got: shown(found),
  });
}

const miscounted = (name: string, length: number, got: number | string): DataError =>
  new DataError({
    what: `${name} does not have as many samples as its length says`,
    expected: String(length),
    got: String(got),
    next: 'correct its length, or leave it out',
  });
