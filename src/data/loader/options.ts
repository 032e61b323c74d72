import { checkBooleans, checkInteger, checkOptionNames, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { isIterableSet } from '../check-dataset.js';
import type { Dataset, FloatDataset } from '../dataset.js';
import { itemsOf } from '../items.js';
import type { BatchesSampler, Sampler } from '../samplers/samplers.js';
import type { IterableSet, SampleSet } from '../samples/sample.js';
import { checkTransform, type Transform } from '../transforms/transform.js';
import type { BatchOf, LabelledImage } from './types.js';

export interface DataLoaderOptions<S = LabelledImage, B = BatchOf<S>> {
  /** Samples per batch; default 1. */
  batchSize?: number;
  /** Shuffle the samples anew each epoch; default false. */
  shuffle?: boolean;
  /** Leave out the last batch if it is smaller than the others; default false. */
  dropLast?: boolean;
  /** Number of worker threads that assemble batches; 0 (default) uses the calling thread. */
  workers?: number;
  /** Batches to prepare ahead of the consumer, for each worker; default 2. */
  prefetch?: number;
  /** Seed of the order and of random transforms; any safe integer, default 0. */
  seed?: number;
  /**
   * Transform of images; without one they stay as the data set gives them. Transforms of single images at its beginning,
   * such as `randomResizedCrop`, run where batches are assembled, the rest on the device.
   */
  transform?: Transform;
  /** The order of the samples, instead of `shuffle`. */
  sampler?: Sampler;
  /** The samples of each batch, instead of `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  batchSampler?: BatchesSampler;
  /**
   * Makes a batch from single samples of a set that is not of labelled images; default: they are stacked, see
   * {@link Collated}.
   */
  collate?: (samples: S[]) => B;
  /**
   * Number of ranks that share each batch, and which of them this is; default 1 and 0. Batches, their order, and random
   * transforms are those of one rank; each rank gets its part of each batch.
   */
  ranks?: number;
  rank?: number;
}

/** @throws UsageError unless an argument of the loader is an integer in a range */
export const checkCount = (name: string, value: number, least: number, most: number): void =>
  checkInteger('DataLoader', name, value, { least, most });

const OPTIONS = [
  'batchSize',
  'shuffle',
  'dropLast',
  'workers',
  'prefetch',
  'seed',
  'transform',
  'sampler',
  'batchSampler',
  'collate',
  'ranks',
  'rank',
];

type AnySource<S> = Dataset | FloatDataset | SampleSet<S> | IterableSet<S>;

/** Options with their defaults, checked. */
export type CheckedOptions = Required<
  Pick<
    DataLoaderOptions,
    'batchSize' | 'shuffle' | 'dropLast' | 'workers' | 'prefetch' | 'seed' | 'ranks' | 'rank'
  >
>;

/** @throws UsageError for options that are not valid, alone or with this data set */
export function checkedOptions<S, B>(set: AnySource<S>, options: DataLoaderOptions<S, B>): CheckedOptions {
  checkOptionNames('DataLoader', options, OPTIONS);
  const { batchSize = 1, shuffle = false, dropLast = false, workers = 0, prefetch = 2, seed = 0 } = options;
  checkBooleans('DataLoader', { shuffle, dropLast });
  if (options.transform !== undefined) checkTransform('DataLoader', options.transform);
  checkCount('batchSize', batchSize, 1, 2 ** 20);
  checkCount('workers', workers, 0, 256);
  checkCount('prefetch', prefetch, 0, 1024);
  const { ranks = 1, rank = 0 } = options;
  checkCount('ranks', ranks, 1, 2 ** 20);
  checkCount('rank', rank, 0, ranks - 1);
  checkCount('seed', seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (set.length === 0) throw new UsageError({ what: `${set.name} has no ${itemsOf(set)}` });
  refuseUnfit(set, options);
  if (workers > 0 && !('workerSpec' in set && set.workerSpec)) {
    throw new UsageError({
      what: `${set.name} cannot be opened in worker threads, because it has no workerSpec`,
      expected: 'workers: 0 for this data set',
      got: `workers: ${workers}`,
      next: 'use workers: 0, or give the data set a workerSpec that names a module and a function to open it',
    });
  }
  return { batchSize, shuffle, dropLast, workers, prefetch, seed, ranks, rank };
}

/** Options that do not fit the kind of data set. @throws UsageError */
function refuseUnfit<S, B>(
  set: AnySource<S>,
  { collate, transform, shuffle, sampler, batchSampler, workers = 0, ranks = 1 }: DataLoaderOptions<S, B>,
): void {
  const images = itemsOf(set) === 'images';
  const refuse = (option: string, why: string, next: string): never => {
    throw new UsageError({ what: `DataLoader cannot use ${option} with ${set.name}: ${why}`, next });
  };
  if (collate !== undefined && typeof collate !== 'function')
    throw new UsageError({
      what: 'DataLoader got a bad collate',
      expected: 'a function from a list of samples to a batch',
      got: shown(collate),
    });
  if (images && collate)
    refuse('collate', 'it is a set of labelled images', 'leave it out, or write a data set with get(index)');
  if (!images && transform)
    refuse(
      'transform',
      'it is not a set of labelled images',
      'transform the samples in get(index) or collate',
    );
  if (!isIterableSet(set)) return;
  const unfit = { shuffle, sampler, batchSampler, workers: workers > 0, ranks: ranks > 1 };
  for (const [name, value] of Object.entries(unfit))
    if (value)
      refuse(name, 'it can only be read in its order', 'leave it out, or write a data set with get(index)');
}
