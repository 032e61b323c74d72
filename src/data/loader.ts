import { checkBooleans, checkInteger, checkOptionNames, shown } from '../errors/arguments.js';
import { DataError, UsageError } from '../errors/errors.js';
import { Generator } from '../random.js';
import type { Rows } from '../tensor/random.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import {
  type AnyBatch,
  assembleBatch,
  assembleSamples,
  type Batch,
  imagesOf,
  packed,
  type SampleBatch,
  samplesOf,
} from './batch.js';
import { checkSource, isIterableSet, isSampleSet } from './check-dataset.js';
import type { Dataset, FloatDataset, WorkerSpec } from './dataset.js';
import type { BatchRequest } from './loader-worker.js';
import { type BatchPlan, batchPlan } from './samplers/batch-plan.js';
import type { BatchesSampler, Sampler } from './samplers/samplers.js';
import { type Collated, type IterableSet, type Packed, type SampleSet, unpack } from './samples/sample.js';
import { type Augmentation, splitTransform } from './transforms/host/index.js';
import { checkTransform, type Transform } from './transforms/transform.js';

export type { AnyBatch, Batch, SampleBatch } from './batch.js';

/** A data set of any kind. */
export type AnySet = Dataset | FloatDataset | SampleSet<unknown> | IterableSet<unknown>;

/** The names of the classes of a data set; none for one without. */
export const classesOf = (set: AnySet): readonly string[] => ('classes' in set ? set.classes : []);

/** A set of labelled images; undefined for one of other samples. */
export const imagesIn = (set: AnySet): Dataset | undefined =>
  'imageShape' in set ? (set as Dataset) : undefined;

/** The samples of a {@link Dataset}: in batches, images [N, C, H, W] and int32 labels [N]. */
export interface LabelledImage {
  readonly kind: 'labelled image';
}

/** What a loader yields for samples of a type, without a `collate` of its own. */
export type BatchOf<S> = [S] extends [LabelledImage]
  ? readonly [inputs: Tensor, labels: Tensor]
  : Collated<S>;

/** What {@link DataLoader.batches} yields for samples of a type. */
type BatchIn<S> = [S] extends [LabelledImage] ? Batch : SampleBatch;

/** A batch that can be turned into tensors, any number of times with the same values. */
export interface LoadedBatch<S = LabelledImage, B = BatchOf<S>> {
  readonly batch: BatchIn<S>;
  /** See {@link DataLoader.tensors}. */
  readonly tensors: () => B;
}

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

const check = (name: string, value: number, least: number, most: number): void =>
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

/** First fork of the seed's generator used for transforms; lower forks have other uses, such as initialisation. */
const FIRST_STREAM = 2;

/** What decides the batches of an epoch. */
interface Order {
  readonly indices: (index: number) => Int32Array;
  readonly augmentation: (index: number) => Augmentation | undefined;
}

/** Yields to the event loop, so that timers and I/O run. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    // Browsers have no setImmediate.
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}

/**
 * Batches of a data set. The order is a pure function of seed and epoch; `workers` and `prefetch` change only the
 * speed, never the batches.
 *
 * @example
 * const loader = new DataLoader(trainSet, { batchSize: 128, shuffle: true });
 * for await (const [inputs, labels] of loader) console.log(inputs.shape, labels.shape);
 */
export class DataLoader<S = LabelledImage, B = BatchOf<S>> implements AsyncIterable<B> {
  readonly dataset: Dataset | SampleSet<S> | IterableSet<S>;
  /** Samples per batch; of a batch sampler's loader, of its first batch. */
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly workers: number;
  readonly prefetch: number;
  readonly seed: number;
  readonly transform: Transform | undefined;
  readonly ranks: number;
  readonly rank: number;
  /** Number of batches per epoch; infinite for a data set without a known length. */
  readonly length: number;
  /** Epoch of the next `for await` over the loader; each loop increments it. */
  epoch = 0;
  readonly #plan: BatchPlan | undefined;
  readonly #collate: ((samples: S[]) => B) | undefined;
  /** The transforms of single images, and those of whole batches. */
  readonly #steps: ReturnType<typeof splitTransform>;

  /** @throws UsageError for options that are not valid, alone or with this data set */
  constructor(
    dataset: Dataset | FloatDataset | SampleSet<S> | IterableSet<S>,
    options: DataLoaderOptions<S, B> = {},
  ) {
    checkSource('DataLoader', dataset);
    checkOptionNames('DataLoader', options, OPTIONS);
    const { batchSize = 1, shuffle = false, dropLast = false, workers = 0, prefetch = 2, seed = 0 } = options;
    checkBooleans('DataLoader', { shuffle, dropLast });
    if (options.transform !== undefined) checkTransform('DataLoader', options.transform);
    check('batchSize', batchSize, 1, 2 ** 20);
    check('workers', workers, 0, 256);
    check('prefetch', prefetch, 0, 1024);
    const { ranks = 1, rank = 0 } = options;
    check('ranks', ranks, 1, 2 ** 20);
    check('rank', rank, 0, ranks - 1);
    check('seed', seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const images = !isSampleSet(dataset) && !isIterableSet(dataset);
    const things = images ? 'images' : 'samples';
    if (dataset.length === 0) throw new UsageError({ what: `${dataset.name} has no ${things}` });
    refuseUnfit(dataset, options, images);
    if (workers > 0 && !('workerSpec' in dataset && dataset.workerSpec)) {
      throw new UsageError({
        what: `${dataset.name} cannot be opened in worker threads, because it has no workerSpec`,
        expected: 'workers: 0 for this data set',
        got: `workers: ${workers}`,
        next: 'use workers: 0, or give the data set a workerSpec that names a module and a function to open it',
      });
    }
    // Floats are read into an array of their own; nothing else differs.
    this.dataset = dataset as Dataset | SampleSet<S> | IterableSet<S>;
    this.shuffle = shuffle;
    this.dropLast = dropLast;
    this.workers = workers;
    this.prefetch = prefetch;
    this.seed = seed;
    this.transform = options.transform;
    this.#steps = splitTransform(options.transform);
    this.batchSize = batchSize;
    this.#collate = options.collate;
    this.ranks = ranks;
    this.rank = rank;
    if (isIterableSet(dataset)) {
      const batches = (dataset.length ?? Number.POSITIVE_INFINITY) / batchSize;
      this.length = dropLast ? Math.floor(batches) : Math.ceil(batches);
    } else {
      const { sampler, batchSampler } = options;
      this.#plan = batchPlan(
        dataset,
        { batchSize, shuffle, dropLast, seed, sampler, batchSampler },
        Object.keys(options),
      );
      this.length = this.#plan.length;
    }
    if (this.length === 0) {
      // Otherwise a training loop would silently do nothing.
      throw new UsageError({
        what: `${dataset.name} has fewer ${things} than one batch, and dropLast leaves it out`,
        expected: `a batchSize of at most ${dataset.length}`,
        got: String(batchSize),
        next: 'choose a smaller batchSize, or dropLast: false',
      });
    }
  }

  /**
   * The batches of one epoch.
   *
   * @param epoch from 0
   * @param startBatch index of the first batch, to resume in the middle of an epoch; `length` yields no batch
   * @throws UsageError for arguments out of range; errors of the data set are thrown when their batch is reached
   */
  batches(epoch: number, startBatch = 0): AsyncGenerator<BatchIn<S>, void, void> {
    check('epoch', epoch, 0, Number.MAX_SAFE_INTEGER);
    check('startBatch', startBatch, 0, Math.min(this.length, Number.MAX_SAFE_INTEGER));
    return this.#batches(epoch, startBatch) as ReturnType<DataLoader<S, B>['batches']>;
  }

  #batches(epoch: number, start: number): AsyncGenerator<Batch | SampleBatch, void, void> {
    const { dataset, workers } = this;
    if (isIterableSet(dataset)) return this.#streamed(dataset, epoch, start);
    const whole = this.#plan!.epoch(epoch);
    const indices = this.ranks === 1 ? whole : (index: number) => this.#part(whole(index));
    const order: Order = { indices, augmentation: (index) => this.#augmentation(epoch, index, whole) };
    const batches =
      workers > 0 ? this.#threaded(dataset.workerSpec!, order, start) : this.#local(dataset, order, start);
    return this.ranks === 1 ? batches : this.#placed(batches, whole);
  }

  /** The transforms of single images, with the random numbers of their places in the batch of all ranks. */
  #augmentation(
    epoch: number,
    index: number,
    whole: (index: number) => Int32Array,
  ): Augmentation | undefined {
    const { specs } = this.#steps;
    if (specs.length === 0) return undefined;
    const first = this.ranks === 1 ? 0 : this.#rows(whole(index).length).start;
    return { specs, seed: this.seed, epoch, first };
  }

  #part(whole: Int32Array): Int32Array {
    const { start, count } = this.#rows(whole.length);
    return whole.slice(start, start + Math.max(1, count));
  }

  /**
   * This rank's rows of a batch of `total` samples. If there are fewer samples than ranks, a rank without samples gets the
   * first sample as a placeholder, because graphs cannot have empty batches; the placeholder does not count.
   */
  #rows(total: number): Rows {
    const at = (rank: number) => Math.floor((total * rank) / this.ranks);
    const [start, end] = [at(this.rank), at(this.rank + 1)];
    return end > start ? { start, count: end - start, total } : { start: 0, count: 0, total };
  }

  /** Batches with their place among those of other ranks. */
  async *#placed(
    batches: AsyncGenerator<Batch | SampleBatch, void, void>,
    whole: (index: number) => Int32Array,
  ): AsyncGenerator<Batch | SampleBatch, void, void> {
    for await (const batch of batches) yield { ...batch, rows: this.#rows(whole(batch.index).length) };
  }

  /**
   * A batch as tensors: images [N, C, H, W] after the transform, and labels int32 [N]; other samples as `collate` makes
   * them. The transform's random numbers depend only on seed, epoch and batch index, so a resumed epoch draws the same.
   */
  tensors(batch: AnyBatch, epoch: number): B {
    if ('values' in batch) {
      const one = batch as SampleBatch;
      // The types of the samples are those of the data set.
      return (this.#collate ? this.#collate(samplesOf(one) as S[]) : unpack(one.values as Packed)) as B;
    }
    const one = batch as Batch;
    const generator = new Generator(this.seed).fork(FIRST_STREAM + epoch * this.length + one.index);
    const images = imagesOf(one);
    const context = one.rows ? { generator, rows: one.rows } : { generator };
    const inputs = this.#steps.rest?.apply(images, context) ?? images;
    return [inputs, tensor(one.labels)] as B;
  }

  /** Like {@link batches}, each with its tensors on request. */
  async *loaded(epoch: number, startBatch = 0): AsyncGenerator<LoadedBatch<S, B>, void, void> {
    for await (const batch of this.batches(epoch, startBatch))
      yield { batch, tensors: () => this.tensors(batch, epoch) };
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<B, void, void> {
    for await (const { tensors } of this.loaded(this.epoch++)) yield tensors();
  }

  /** Whether the samples are stacked where they are read. */
  get #stacked(): boolean {
    return this.#collate === undefined;
  }

  async *#streamed(
    { name, length, iterate }: IterableSet<S>,
    epoch: number,
    start: number,
  ): AsyncGenerator<SampleBatch, void, void> {
    const { batchSize } = this;
    const first = start * batchSize;
    let samples: S[] = [];
    let read = 0;
    const batch = async (): Promise<SampleBatch> => {
      const from = read - samples.length;
      const indices = Int32Array.from(samples, (_, i) => from + i);
      const values = await packed(name, samples, this.#stacked, (i) => from + i);
      samples = [];
      return { values, indices, index: Math.floor(from / batchSize) };
    };
    for await (const sample of iterate.call(this.dataset, epoch)) {
      if (++read > (length ?? read)) throw miscounted(name, length!, 'more');
      if (read <= first) continue;
      samples.push(sample);
      if (samples.length === batchSize) yield await batch();
    }
    if (read < (length ?? read)) throw miscounted(name, length!, read);
    if (samples.length > 0 && !this.dropLast) yield await batch();
  }

  async *#local(
    set: Dataset | SampleSet<S>,
    { indices, augmentation }: Order,
    start: number,
  ): AsyncGenerator<Batch | SampleBatch, void, void> {
    let stopped = false;
    // One batch at a time, each in its own turn of the event loop, so that it is not blocked for long. A data set that
    // reads in other threads is asked for the next batch at once, so that those threads do not idle.
    let last: Promise<unknown> = Promise.resolve();
    const request = (index: number) => {
      const assemble = async () => {
        await turn();
        if (stopped) return undefined;
        return isSampleSet(set)
          ? assembleSamples(set, indices(index), index, this.#stacked)
          : assembleBatch(set, indices(index), index, augmentation(index));
      };
      const batch = 'readMany' in set && set.readMany ? assemble() : last.then(assemble, assemble);
      last = batch.catch(() => {});
      return batch;
    };
    try {
      yield* this.#ahead(start, this.prefetch, request, async (batch) => (await batch)!);
    } finally {
      stopped = true;
    }
  }

  /** The batches from `start` on, in order, of which `ahead` are requested in advance; 0 requests each on demand. */
  async *#ahead<R>(
    start: number,
    ahead: number,
    request: (index: number) => R,
    result: (requested: R) => Promise<Batch | SampleBatch>,
  ): AsyncGenerator<Batch | SampleBatch, void, void> {
    const ready: R[] = [];
    let next = start;
    for (let index = start; index < this.length; index++) {
      while (next < this.length && ready.length < Math.max(1, ahead)) ready.push(request(next++));
      const batch = await result(ready.shift()!);
      if (ahead > 0 && next < this.length) ready.push(request(next++));
      yield batch;
    }
  }

  async *#threaded(
    spec: WorkerSpec,
    { indices, augmentation }: Order,
    start: number,
  ): AsyncGenerator<Batch | SampleBatch, void, void> {
    if (start === this.length) return;
    // Imported on demand: a browser has no worker_threads, and its bundler replaces the module by an empty one (`browser`
    // in package.json). The loader then works with workers: 0.
    const { WorkerPool } = await import('./worker-pool.js');
    if (!WorkerPool)
      throw new UsageError({
        what: 'DataLoader has no worker threads outside of Node.js',
        expected: 'workers: 0',
        got: `workers: ${this.workers}`,
      });
    const pool = new WorkerPool<BatchRequest, Batch | SampleBatch>({
      module: new URL('./loader-worker.js', import.meta.url),
      count: Math.min(this.workers, this.length - start),
      data: spec,
      next: 'use workers: 0 to see the original error',
    });
    try {
      const request = (index: number) =>
        pool.request({
          index,
          indices: indices(index),
          stacked: this.#stacked,
          augmentation: augmentation(index),
        });
      const ahead = this.workers * Math.max(1, this.prefetch);
      yield* this.#ahead(start, ahead, request, (batch) => pool.waitFor(batch));
    } finally {
      await pool.close();
    }
  }
}

/** Options that do not fit the kind of data set. @throws UsageError */
function refuseUnfit<S, B>(
  set: Dataset | FloatDataset | SampleSet<S> | IterableSet<S>,
  { collate, transform, shuffle, sampler, batchSampler, workers = 0, ranks = 1 }: DataLoaderOptions<S, B>,
  images: boolean,
): void {
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

const miscounted = (name: string, length: number, got: number | string): DataError =>
  new DataError({
    what: `${name} does not have as many samples as its length says`,
    expected: String(length),
    got: String(got),
    next: 'correct its length, or leave it out',
  });
