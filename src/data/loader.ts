import { UsageError } from '../errors/errors.js';
import { Generator } from '../random.js';
import { tensor } from '../tensor/tensor.js';
import { type AnyBatch, type Batch, imagesOf, type SampleBatch, samplesOf } from './batch.js';
import { checkSource, isIterableSet } from './check-dataset.js';
import type { Dataset, FloatDataset } from './dataset.js';
import { itemsOf } from './items.js';
import { localBatches } from './loader/local.js';
import { checkCount, checkedOptions, type DataLoaderOptions } from './loader/options.js';
import { type Batches, type EpochOrder, partOf, rowsOf } from './loader/order.js';
import { streamedBatches } from './loader/streamed.js';
import { threadedBatches } from './loader/threaded.js';
import type { BatchIn, BatchOf, LabelledImage, LoadedBatch } from './loader/types.js';
import { type BatchPlan, batchPlan } from './samplers/batch-plan.js';
import { type IterableSet, type Packed, type SampleSet, unpack } from './samples/sample.js';
import { type Augmentation, splitTransform } from './transforms/host/index.js';
import { applied, type Transform } from './transforms/transform.js';

/** First fork of the seed's generator used for transforms; lower forks have other uses, such as initialisation. */
const FIRST_STREAM = 2;

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
    const checked = checkedOptions(dataset, options);
    const { batchSize, shuffle, dropLast, seed } = checked;
    // Floats are read into an array of their own; nothing else differs.
    this.dataset = dataset as Dataset | SampleSet<S> | IterableSet<S>;
    this.shuffle = shuffle;
    this.dropLast = dropLast;
    this.workers = checked.workers;
    this.prefetch = checked.prefetch;
    this.seed = seed;
    this.transform = options.transform;
    this.#steps = splitTransform(options.transform);
    this.batchSize = batchSize;
    this.#collate = options.collate;
    this.ranks = checked.ranks;
    this.rank = checked.rank;
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
        what: `${dataset.name} has fewer ${itemsOf(dataset)} than one batch, and dropLast leaves it out`,
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
    checkCount('epoch', epoch, 0, Number.MAX_SAFE_INTEGER);
    checkCount('startBatch', startBatch, 0, Math.min(this.length, Number.MAX_SAFE_INTEGER));
    return this.#batches(epoch, startBatch) as ReturnType<DataLoader<S, B>['batches']>;
  }

  #batches(epoch: number, start: number): Batches {
    const { dataset, batchSize, dropLast, workers, prefetch } = this;
    // Samples are stacked where they are read.
    const stacked = this.#collate === undefined;
    if (isIterableSet(dataset))
      return streamedBatches(dataset, { epoch, start, batchSize, dropLast, stacked });
    const whole = this.#plan!.epoch(epoch);
    const indices = this.ranks === 1 ? whole : (index: number) => partOf(this, whole(index));
    const order: EpochOrder = { indices, augmentation: (index) => this.#augmentation(epoch, index, whole) };
    const reading = { start, end: this.length, prefetch, stacked };
    const batches =
      workers > 0
        ? threadedBatches(dataset.workerSpec!, order, { ...reading, workers })
        : localBatches(dataset, order, reading);
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
    const first = this.ranks === 1 ? 0 : rowsOf(this, whole(index).length).start;
    return { specs, seed: this.seed, epoch, first };
  }

  /** Batches with their place among those of other ranks. */
  async *#placed(batches: Batches, whole: (index: number) => Int32Array): Batches {
    for await (const batch of batches) yield { ...batch, rows: rowsOf(this, whole(batch.index).length) };
  }

  /**
   * A batch as tensors: images [N, C, H, W] after the transform, and labels int32 [N]; other samples as `collate` makes
   * them. The transform's random numbers depend only on seed, epoch and batch index, so a resumed epoch draws the same.
   *
   * @param epoch that the batch was asked for with, from 0
   * @throws UsageError for an epoch that is not a whole number
   */
  tensors(batch: AnyBatch, epoch: number): B {
    if ('values' in batch) {
      const one = batch as SampleBatch;
      // The types of the samples are those of the data set.
      const made = this.#collate ? this.#collate(samplesOf(one) as S[]) : unpack(one.values as Packed);
      if (made !== undefined) return made as B;
      throw new UsageError({
        what: `The collate of the loader of ${this.dataset.name} returned nothing`,
        expected: 'a batch made of the samples',
        got: 'undefined',
        next: 'return the batch',
      });
    }
    const one = batch as Batch;
    // Without it the transform could not draw the same numbers again.
    checkCount('epoch', epoch, 0, Number.MAX_SAFE_INTEGER);
    const generator = new Generator(this.seed).fork(FIRST_STREAM + epoch * this.length + one.index);
    const images = imagesOf(one);
    const context = one.rows ? { generator, rows: one.rows } : { generator };
    const inputs = this.#steps.rest ? applied(this.#steps.rest, images, context) : images;
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
}
