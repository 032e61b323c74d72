import { checkOptionNames, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { Generator } from '../../random.js';
import { checkIndex, type WorkerSpec } from '../dataset.js';
import type { SampleSet } from './sample.js';

/** Stream number: makes the samples independent of other uses of the same seed. */
const STREAM = 0x5a3b21;

export interface GeneratedOptions<S> {
  /** For messages; default "generated samples". */
  readonly name?: string;
  readonly length: number;
  /** Default 0. */
  readonly seed?: number;
  /**
   * Makes sample `index`. It must be a pure function of the index and of the generator, which depends on seed and
   * index.
   */
  readonly sample: (generator: Generator, index: number) => S;
  /** How worker threads open the same set; without it the set cannot be used in worker threads. */
  readonly workerSpec?: WorkerSpec;
}

/**
 * Samples drawn by code. Each is a pure function of seed and index, so the set is the same in every run, in every thread,
 * and after a resume.
 *
 * @example
 * const noisyLine = new GeneratedDataset({
 *   length: 1000,
 *   sample: (generator) => {
 *     const x = generator.uniform(-1, 1);
 *     return [x, 3 * x + generator.normal(0, 0.1)] as const;
 *   },
 * });
 */
export class GeneratedDataset<S> implements SampleSet<S> {
  readonly name: string;
  readonly length: number;
  readonly seed: number;
  readonly workerSpec?: WorkerSpec;
  readonly #sample: GeneratedOptions<S>['sample'];
  readonly #generator: Generator;

  /** @throws UsageError for options that are not valid */
  constructor(options: GeneratedOptions<S>) {
    checkOptionNames('GeneratedDataset', options, ['name', 'length', 'seed', 'sample', 'workerSpec']);
    const { name = 'generated samples', length, seed = 0, sample, workerSpec } = options;
    if (!Number.isInteger(length) || length < 1)
      throw new UsageError({
        what: 'GeneratedDataset got a bad length',
        expected: 'a whole number of samples, at least 1',
        got: shown(length),
      });
    if (typeof sample !== 'function')
      throw new UsageError({
        what: 'GeneratedDataset got a bad sample',
        expected: 'a function (generator, index) that returns a sample',
        got: shown(sample),
      });
    this.#generator = new Generator(seed, STREAM);
    this.name = name;
    this.length = length;
    this.seed = seed;
    this.#sample = sample;
    if (workerSpec) this.workerSpec = workerSpec;
  }

  get(index: number): S {
    checkIndex(this, index, 'sample');
    return this.#sample(this.#generator.fork(index), index);
  }
}
