import { UsageError } from '../../errors/errors.js';
import { checkSource, isSampleSet } from '../check-dataset.js';
import { checkIndex, openAnySpec, type WorkerSpec } from '../dataset.js';
import { randomIndices, subsetIndices } from '../subset-indices.js';
import type { SampleSet } from './sample.js';

/**
 * Some samples of a data set, in the order of the index list: what `Subset` is for labelled images.
 *
 * @example
 * const order = new Generator(1).permutation(set.length);
 * const train = new SampleSubset(set, order.subarray(0, 900));
 * const test = new SampleSubset(set, order.subarray(900));
 */
export class SampleSubset<S> implements SampleSet<S> {
  readonly name: string;
  readonly length: number;
  readonly workerSpec?: WorkerSpec;
  readonly #base: SampleSet<S>;
  readonly #indices: Int32Array;

  /** @throws UsageError for an index outside of the data set */
  constructor(base: SampleSet<S>, indices: ArrayLike<number>) {
    checkSampleSet('SampleSubset', base);
    this.#base = base;
    this.#indices = subsetIndices('SampleSubset', base, indices, 'sample');
    this.length = indices.length;
    this.name = `${base.name}, ${indices.length} of ${base.length}`;
    if (base.workerSpec) {
      const options: SubsetSpec = { base: base.workerSpec, indices: this.#indices };
      this.workerSpec = { module: import.meta.url, export: 'openSampleSubset', options };
    }
  }

  /** `count` distinct random samples: a pure function of the data set's length, `count` and `seed`. */
  static random<S>(base: SampleSet<S>, count: number, seed = 0): SampleSubset<S> {
    checkSampleSet('SampleSubset.random', base);
    return new SampleSubset(base, randomIndices(base, count, seed));
  }

  get(index: number): S | Promise<S> {
    checkIndex(this, index, 'sample');
    return this.#base.get(this.#indices[index]!);
  }
}

function checkSampleSet(owner: string, set: unknown): void {
  checkSource(owner, set);
  if (isSampleSet(set)) return;
  throw new UsageError({
    what: `${owner} reads samples by index`,
    expected: 'a data set with get(index)',
    got: 'one without it',
    next: 'use Subset for labelled images',
  });
}

interface SubsetSpec {
  base: WorkerSpec;
  indices: Int32Array;
}

/** Opens a {@link SampleSubset} in a worker thread. */
export async function openSampleSubset({ base, indices }: SubsetSpec): Promise<SampleSubset<unknown>> {
  return new SampleSubset((await openAnySpec(base)) as SampleSet<unknown>, indices);
}
