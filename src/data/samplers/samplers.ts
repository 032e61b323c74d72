import { checkBooleans, checkInteger, checkOptionNames, isInteger, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { Generator } from '../../random.js';

/** Stream number: makes these orders independent of other uses of the same seed. */
const STREAM = 0x5a3b22;

/**
 * The order in which an epoch visits samples. It must be a pure function of the epoch, so that a resumed run visits the
 * same ones as an uninterrupted run.
 */
export interface Sampler {
  /** Number of indices of an epoch, the same for all. */
  readonly length: number;
  /** @param epoch from 0 */
  indices(epoch: number): ArrayLike<number>;
}

/** Chooses the samples of each batch. A pure function of the epoch, like {@link Sampler}. */
export interface BatchesSampler {
  /** Number of batches of an epoch. */
  readonly length: number;
  /** @returns the indices of each batch */
  batches(epoch: number): readonly ArrayLike<number>[];
}

interface Sized {
  readonly length: number;
}

/** @returns the length of a data set or a list */
function lengthOf(owner: string, source: Sized): number {
  const length: unknown = typeof source === 'object' ? (source as Sized | null)?.length : undefined;
  if (isInteger(length)) return length;
  throw new UsageError({
    what: `${owner} got something without a length`,
    expected: 'a data set',
    got: shown(source),
  });
}

/** All samples in their order. */
export class SequentialSampler implements Sampler {
  readonly length: number;

  constructor(source: Sized) {
    this.length = lengthOf('SequentialSampler', source);
  }

  indices(): Int32Array {
    return Int32Array.from({ length: this.length }, (_, i) => i);
  }
}

/** Samples in a new random order each epoch; with `replacement`, each sample is drawn from the whole data set. */
export class RandomSampler implements Sampler {
  readonly length: number;
  readonly #size: number;
  readonly #replacement: boolean;
  readonly #generator: Generator;

  /**
   * @param options.numSamples samples per epoch; default: the length of the data set. Without replacement, a larger number
   *   continues with another pass over the data set, in a new order.
   */
  constructor(source: Sized, options: { replacement?: boolean; numSamples?: number; seed?: number } = {}) {
    checkOptionNames('RandomSampler', options, ['replacement', 'numSamples', 'seed']);
    this.#size = lengthOf('RandomSampler', source);
    checkInteger('RandomSampler', 'length of the data set', this.#size, { least: 1 });
    const { replacement = false, numSamples = this.#size, seed = 0 } = options;
    checkBooleans('RandomSampler', { replacement });
    checkInteger('RandomSampler', 'numSamples', numSamples, { least: 1 });
    this.length = numSamples;
    this.#replacement = replacement;
    this.#generator = new Generator(seed, STREAM);
  }

  indices(epoch: number): Int32Array {
    const generator = this.#generator.fork(epoch);
    const drawn = new Int32Array(this.length);
    if (this.#replacement) return drawn.map(() => generator.integer(this.#size));
    for (let at = 0; at < drawn.length; at += this.#size)
      drawn.set(generator.permutation(this.#size).subarray(0, drawn.length - at), at);
    return drawn;
  }
}

/** Some samples in random order, anew each epoch. */
export class SubsetRandomSampler implements Sampler {
  readonly length: number;
  readonly #indices: Int32Array;
  readonly #generator: Generator;

  constructor(indices: ArrayLike<number>, options: { seed?: number } = {}) {
    checkOptionNames('SubsetRandomSampler', options, ['seed']);
    const { seed = 0 } = options;
    if (!Array.isArray(indices) && !ArrayBuffer.isView(indices))
      throw new UsageError({
        what: 'SubsetRandomSampler got no list of indices',
        expected: 'an array of numbers',
        got: shown(indices),
      });
    for (let i = 0; i < indices.length; i++)
      if (!Number.isSafeInteger(indices[i]) || indices[i]! < 0)
        throw new UsageError({
          what: 'SubsetRandomSampler got a bad index',
          expected: 'whole numbers from 0',
          got: `${shown(indices[i])} at position ${i}`,
        });
    this.#indices = Int32Array.from(indices);
    this.length = indices.length;
    this.#generator = new Generator(seed, STREAM);
  }

  indices(epoch: number): Int32Array {
    return this.#generator
      .fork(epoch)
      .permutation(this.length)
      .map((place) => this.#indices[place]!);
  }
}

/** Samples drawn with given weights, as PyTorch's class of this name does: for classes of unequal size. */
export class WeightedRandomSampler implements Sampler {
  readonly length: number;
  readonly #weights: Float64Array;
  readonly #replacement: boolean;
  readonly #generator: Generator;

  /**
   * @param weights of the samples, in their order; they need not add up to 1
   * @param options.replacement whether a sample may be drawn again within an epoch; default true
   */
  constructor(
    weights: ArrayLike<number>,
    numSamples: number,
    options: { replacement?: boolean; seed?: number } = {},
  ) {
    checkOptionNames('WeightedRandomSampler', options, ['replacement', 'seed']);
    const { replacement = true, seed = 0 } = options;
    checkBooleans('WeightedRandomSampler', { replacement });
    if (!Array.isArray(weights) && !ArrayBuffer.isView(weights))
      throw new UsageError({
        what: 'WeightedRandomSampler got no list of weights',
        expected: 'an array of numbers',
        got: shown(weights),
      });
    const bad = Array.prototype.findIndex.call(weights, (one) => !(Number.isFinite(one) && one >= 0));
    this.#weights = Float64Array.from(bad < 0 ? weights : []);
    const possible = this.#weights.reduce((count, weight) => count + Number(weight > 0), 0);
    if (bad >= 0 || possible === 0)
      throw new UsageError({
        what: 'WeightedRandomSampler got bad weights',
        expected: 'finite numbers from 0, at least one of them above 0',
        got:
          bad >= 0 ? `${shown(weights[bad])} at position ${bad}` : `${weights.length} weights, none above 0`,
      });
    checkInteger('WeightedRandomSampler', 'numSamples', numSamples, {
      least: 1,
      ...(replacement ? {} : { most: possible }),
    });
    this.length = numSamples;
    this.#replacement = replacement;
    this.#generator = new Generator(seed, STREAM);
  }

  indices(epoch: number): Int32Array {
    const generator = this.#generator.fork(epoch);
    return this.#replacement ? this.#independent(generator) : this.#distinct(generator);
  }

  #independent(generator: Generator): Int32Array {
    const sums = new Float64Array(this.#weights.length);
    let total = 0;
    for (const [i, weight] of this.#weights.entries()) sums[i] = total += weight;
    return new Int32Array(this.length).map(() => {
      const place = generator.uniform() * total;
      let [low, high] = [0, sums.length - 1];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (sums[middle]! > place) high = middle;
        else low = middle + 1;
      }
      return low;
    });
  }

  /** The samples with the smallest times of exponential clocks whose rates are the weights. */
  #distinct(generator: Generator): Int32Array {
    const times = this.#weights.map((weight) => -Math.log(1 - generator.uniform()) / weight);
    const order = Int32Array.from(times, (_, i) => i).filter((i) => this.#weights[i]! > 0);
    return order.sort((a, b) => times[a]! - times[b]! || a - b).subarray(0, this.length);
  }
}

/** Batches from the order of another sampler. */
export class BatchSampler implements BatchesSampler {
  readonly length: number;
  readonly #sampler: Sampler;
  readonly #batchSize: number;

  /** @param dropLast whether to leave out a last batch that is smaller */
  constructor(sampler: Sampler, batchSize: number, dropLast = false) {
    checkSampler('BatchSampler', sampler);
    checkInteger('BatchSampler', 'batchSize', batchSize, { least: 1 });
    checkBooleans('BatchSampler', { dropLast });
    this.#sampler = sampler;
    this.#batchSize = batchSize;
    const batches = sampler.length / batchSize;
    this.length = dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  batches(epoch: number): Int32Array[] {
    const order = Int32Array.from(this.#sampler.indices(epoch));
    return Array.from({ length: this.length }, (_, i) =>
      order.slice(i * this.#batchSize, (i + 1) * this.#batchSize),
    );
  }
}

/** @throws UsageError for anything but a sampler */
export function checkSampler(owner: string, sampler: unknown): asserts sampler is Sampler {
  const one = sampler as Partial<Sampler> | null | undefined;
  if (Number.isSafeInteger(one?.length) && typeof one?.indices === 'function') return;
  throw new UsageError({
    what: `${owner} got something that is not a sampler`,
    expected: 'a sampler with a length and a method indices(epoch), such as new RandomSampler(dataset)',
    got: shown(sampler),
  });
}

/** @throws UsageError for anything but a sampler of batches */
export function checkBatchSampler(owner: string, sampler: unknown): asserts sampler is BatchesSampler {
  const one = sampler as Partial<BatchesSampler> | null | undefined;
  if (Number.isSafeInteger(one?.length) && typeof one?.batches === 'function') return;
  throw new UsageError({
    what: `${owner} got something that is not a sampler of batches`,
    expected: 'one with a length and a method batches(epoch), such as new BatchSampler(sampler, 32)',
    got: shown(sampler),
  });
}
