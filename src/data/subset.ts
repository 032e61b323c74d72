import { UsageError } from '../errors/errors.js';
import { checkDataset, isSampleSet } from './check-dataset.js';
import { checkIndex, type Dataset, isFloatSet, openWorkerSpec, type WorkerSpec } from './dataset.js';
import { randomIndices, subsetIndices } from './subset-indices.js';

/**
 * A view of some images of a data set, in the order of the index list.
 *
 * @example
 * const few = new Subset(trainSet, [0, 1, 2, 3]);
 * const sample = Subset.random(trainSet, 1000, 42);
 */
export class Subset implements Dataset {
  readonly name: string;
  readonly length: number;
  readonly classes: readonly string[];
  readonly imageShape: Dataset['imageShape'];
  readonly dtype: 'uint8' | 'float32';
  readonly workerSpec?: WorkerSpec;
  readonly readMany?: NonNullable<Dataset['readMany']>;
  readonly labels?: Int32Array;
  readonly #base: Dataset;
  readonly #indices: Int32Array;

  /** @throws UsageError for an index outside of the data set */
  constructor(base: Dataset, indices: ArrayLike<number>) {
    checkImages('Subset', base);
    this.#base = base;
    this.#indices = subsetIndices('Subset', base, indices);
    this.length = indices.length;
    this.name = `${base.name}, ${indices.length} of ${base.length}`;
    this.classes = base.classes;
    this.imageShape = base.imageShape;
    this.dtype = isFloatSet(base) ? 'float32' : 'uint8';
    if (base.labels) this.labels = this.#indices.map((i) => base.labels![i]!);
    if (base.readMany)
      this.readMany = async (wanted, into, labels) => {
        const indices = Int32Array.from(wanted, (i) => {
          checkIndex(this, i);
          return this.#indices[i]!;
        });
        await base.readMany!(indices, into, labels);
      };
    if (base.workerSpec) {
      const options: SubsetSpec = { base: base.workerSpec, indices: this.#indices };
      this.workerSpec = { module: import.meta.url, export: 'openSubset', options };
    }
  }

  /** `count` distinct random images: a pure function of the data set's length, `count` and `seed`. */
  static random(base: Dataset, count: number, seed = 0): Subset {
    checkImages('Subset.random', base);
    return new Subset(base, randomIndices(base, count, seed));
  }

  read(index: number, into: Uint8Array, offset: number): number {
    checkIndex(this, index);
    return this.#base.read(this.#indices[index]!, into, offset);
  }

  summary(): string | undefined {
    return this.#base.summary?.();
  }
}

function checkImages(owner: string, base: unknown): void {
  if (isSampleSet(base))
    throw new UsageError({
      what: `${owner} reads labelled images`,
      expected: 'a data set with read()',
      got: 'samples that get(index) returns',
      next: 'use SampleSubset',
    });
  checkDataset(owner, base);
}

interface SubsetSpec {
  base: WorkerSpec;
  indices: Int32Array;
}

/** Opens a {@link Subset} in a worker thread. */
export async function openSubset({ base, indices }: SubsetSpec): Promise<Dataset> {
  return new Subset(await openWorkerSpec(base), indices);
}
