import { checkBooleans, checkOptionNames, shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { Generator } from '../random.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { assembleBatch, type Batch } from './batch.js';
import { checkDataset } from './check-dataset.js';
import type { Dataset, WorkerSpec } from './dataset.js';
import type { BatchRequest } from './loader-worker.js';
import { batchCount, epochOrder } from './sampler.js';
import { checkTransform, type Transform } from './transforms/transform.js';

export type { Batch } from './batch.js';

export interface DataLoaderOptions {
  /** Images per batch; default 1. */
  batchSize?: number;
  /** Shuffle the images anew each epoch; default false. */
  shuffle?: boolean;
  /** Leave out the last batch if it is smaller than the others; default false. */
  dropLast?: boolean;
  /** Number of worker threads that assemble batches; 0 (default) uses the calling thread. */
  workers?: number;
  /** Batches to prepare ahead of the consumer, for each worker; default 2. */
  prefetch?: number;
  /** Seed of the order and of random transforms; any safe integer, default 0. */
  seed?: number;
  /** Transform of a batch, computed on the device; without one the images stay bytes. */
  transform?: Transform;
}

function check(name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new UsageError({
    what: `DataLoader got a bad ${name}: ${shown(value)}`,
    expected: `a whole number from ${low} to ${high}`,
    got: shown(value),
  });
}

const OPTIONS = ['batchSize', 'shuffle', 'dropLast', 'workers', 'prefetch', 'seed', 'transform'];

/** First fork of the seed's generator used for transforms; lower forks have other uses, such as initialisation. */
const FIRST_STREAM = 2;

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
export class DataLoader implements AsyncIterable<readonly [inputs: Tensor, labels: Tensor]> {
  readonly dataset: Dataset;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly workers: number;
  readonly prefetch: number;
  readonly seed: number;
  readonly transform: Transform | undefined;
  /** Number of batches per epoch. */
  readonly length: number;
  /** Epoch of the next `for await` over the loader; each loop increments it. */
  epoch = 0;

  /** @throws UsageError for options that are not valid, alone or with this data set */
  constructor(dataset: Dataset, options: DataLoaderOptions = {}) {
    checkDataset('DataLoader', dataset);
    checkOptionNames('DataLoader', options, OPTIONS);
    const { batchSize = 1, shuffle = false, dropLast = false, workers = 0, prefetch = 2, seed = 0 } = options;
    checkBooleans('DataLoader', { shuffle, dropLast });
    if (options.transform !== undefined) checkTransform('DataLoader', options.transform);
    check('batchSize', batchSize, 1, 2 ** 20);
    check('workers', workers, 0, 256);
    check('prefetch', prefetch, 0, 1024);
    check('seed', seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    if (dataset.length < 1) throw new UsageError({ what: `${dataset.name} has no images` });
    if (workers > 0 && !dataset.workerSpec) {
      throw new UsageError({
        what: `${dataset.name} cannot be opened in worker threads, because it has no workerSpec`,
        expected: 'workers: 0 for this data set',
        got: `workers: ${workers}`,
        next: 'use workers: 0, or give the data set a workerSpec that names a module and a function to open it',
      });
    }
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.shuffle = shuffle;
    this.dropLast = dropLast;
    this.workers = workers;
    this.prefetch = prefetch;
    this.seed = seed;
    this.transform = options.transform;
    this.length = batchCount(dataset.length, batchSize, dropLast);
    if (this.length === 0) {
      // Otherwise a training loop would silently do nothing.
      throw new UsageError({
        what: `${dataset.name} has fewer images than one batch, and dropLast leaves it out`,
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
  batches(epoch: number, startBatch = 0): AsyncGenerator<Batch, void, void> {
    check('epoch', epoch, 0, Number.MAX_SAFE_INTEGER);
    check('startBatch', startBatch, 0, this.length);
    const { dataset, shuffle, seed, workers } = this;
    const order = epochOrder({ length: dataset.length, shuffle, seed, epoch });
    return workers > 0
      ? this.#threaded(dataset.workerSpec!, order, startBatch)
      : this.#local(order, startBatch);
  }

  /**
   * A batch as tensors: images [N, C, H, W] after the transform, and labels int32 [N]. The transform's random numbers
   * depend only on seed, epoch and batch index, so a resumed epoch draws the same.
   */
  tensors(batch: Batch, epoch: number): readonly [inputs: Tensor, labels: Tensor] {
    const generator = new Generator(this.seed).fork(FIRST_STREAM + epoch * this.length + batch.index);
    const images = tensor(batch.images, { shape: batch.shape });
    return [this.transform ? this.transform.apply(images, { generator }) : images, tensor(batch.labels)];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly [inputs: Tensor, labels: Tensor], void, void> {
    const epoch = this.epoch++;
    for await (const batch of this.batches(epoch)) yield this.tensors(batch, epoch);
  }

  #indices(order: Int32Array, index: number): Int32Array {
    return order.slice(index * this.batchSize, (index + 1) * this.batchSize);
  }

  async *#local(order: Int32Array, start: number): AsyncGenerator<Batch, void, void> {
    let stopped = false;
    // One batch at a time, each in its own turn of the event loop, so that it is not blocked for long. A data set that
    // reads in other threads is asked for the next batch at once, so that those threads do not idle.
    let last: Promise<unknown> = Promise.resolve();
    const request = (index: number) => {
      const assemble = async () => {
        await turn();
        if (stopped) return undefined;
        return assembleBatch(this.dataset, this.#indices(order, index), index);
      };
      const batch = this.dataset.readMany ? assemble() : last.then(assemble, assemble);
      last = batch.catch(() => {});
      return batch;
    };
    try {
      const ahead = Math.max(1, this.prefetch);
      const ready: ReturnType<typeof request>[] = [];
      let next = start;
      for (let index = start; index < this.length; index++) {
        while (next < this.length && ready.length < ahead) ready.push(request(next++));
        const batch = (await ready.shift()!)!;
        if (this.prefetch > 0 && next < this.length) ready.push(request(next++));
        yield batch;
      }
    } finally {
      stopped = true;
    }
  }

  async *#threaded(spec: WorkerSpec, order: Int32Array, start: number): AsyncGenerator<Batch, void, void> {
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
    const pool = new WorkerPool<BatchRequest, Batch>({
      module: new URL('./loader-worker.js', import.meta.url),
      count: Math.min(this.workers, this.length - start),
      data: spec,
      next: 'use workers: 0 to see the original error',
    });
    try {
      const ahead = this.workers * Math.max(1, this.prefetch);
      const ready: Promise<Batch>[] = [];
      let next = start;
      for (let index = start; index < this.length; index++) {
        while (next < this.length && ready.length < ahead) {
          ready.push(pool.request({ index: next, indices: this.#indices(order, next) }));
          next++;
        }
        const batch = await pool.waitFor(ready.shift()!);
        if (next < this.length) {
          ready.push(pool.request({ index: next, indices: this.#indices(order, next) }));
          next++;
        }
        yield batch;
      }
    } finally {
      await pool.close();
    }
  }
}
