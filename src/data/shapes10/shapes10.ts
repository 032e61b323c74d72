import { checkBooleans, checkOptionNames } from '../../errors/arguments.js';
import { counted } from '../../errors/counted.js';
import { UsageError } from '../../errors/errors.js';
import { Generator } from '../../random.js';
import { checkIndex, type Dataset, type WorkerSpec } from '../dataset.js';
import { drawShape, SHAPE_NAMES, SHAPE_SIZE } from './draw.js';

const IMAGE = 3 * SHAPE_SIZE * SHAPE_SIZE;
/** Stream numbers of the generator: labels and images, train and test. */
const STREAMS = { train: { labels: 1, images: 2 }, test: { labels: 3, images: 4 } };
const MISSING = 0;
const DRAWN = 1;

export interface Shapes10Options {
  /** true: training images. false: test images. The two sets are disjoint. */
  train: boolean;
  /** Number of images; default 10,000 for training and 2,000 for test. */
  length?: number;
  /** Seed of the images; default 0. */
  seed?: number;
}

interface Contents {
  train: boolean;
  length: number;
  seed: number;
  images: Uint8Array;
  /** State of each image: MISSING or DRAWN. */
  status: Uint8Array;
}

/** Shared memory if the platform has it, so that all workers fill one cache. */
function allocate(bytes: number): Uint8Array {
  return new Uint8Array(
    typeof SharedArrayBuffer === 'undefined' ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes),
  );
}

/**
 * Ten classes of shapes drawn by code, 32×32 RGB: a data set that needs no download. Image and label are a pure
 * function of seed, split and index; images 10k to 10k + 9 show each class once. An image is drawn when first read,
 * then cached (3 kB per image).
 *
 * @example
 * const trainSet = await Shapes10.open({ train: true });
 */
export class Shapes10 implements Dataset {
  readonly name: string;
  readonly length: number;
  readonly classes: readonly string[] = SHAPE_NAMES;
  readonly imageShape = [3, SHAPE_SIZE, SHAPE_SIZE] as const;
  readonly workerSpec: WorkerSpec;
  readonly #contents: Contents;
  readonly #labels: Generator;
  readonly #generator: Generator;
  #known: Int32Array | undefined;

  /** Use {@link Shapes10.open}. */
  constructor(contents: Contents) {
    const { train, length, seed } = contents;
    const streams = train ? STREAMS.train : STREAMS.test;
    this.#contents = contents;
    this.#labels = new Generator(seed, streams.labels);
    this.#generator = new Generator(seed, streams.images);
    this.name = `Shapes10 ${train ? 'train' : 'test'}`;
    this.length = length;
    this.workerSpec = { module: import.meta.url, export: 'openSharedShapes10', options: contents };
  }

  /** @throws UsageError unless `length` is an integer from 1 to 1,000,000 and `seed` a safe integer */
  static async open(options: Shapes10Options): Promise<Shapes10> {
    checkOptionNames('Shapes10.open', options, ['train', 'length', 'seed']);
    const { train, length = train ? 10_000 : 2_000, seed = 0 } = options;
    checkBooleans('Shapes10.open', { train });
    if (!Number.isInteger(length) || length < 1 || length > 1_000_000) {
      throw new UsageError({
        what: 'Shapes10 got a bad length',
        expected: 'a whole number from 1 to 1000000',
        got: String(length),
      });
    }
    return new Shapes10({
      train,
      length,
      seed,
      images: allocate(length * IMAGE),
      status: allocate(length),
    });
  }

  get labels(): Int32Array {
    this.#known ??= Int32Array.from({ length: this.length }, (_, i) => this.#labelOf(i));
    return this.#known;
  }

  #labelOf(index: number): number {
    return this.#labels.fork(Math.floor(index / 10)).permutation(10)[index % 10]!;
  }

  read(index: number, into: Uint8Array, offset: number): number {
    checkIndex(this, index);
    const label = this.#labelOf(index);
    const { images, status } = this.#contents;
    const image = images.subarray(index * IMAGE, (index + 1) * IMAGE);
    // The atomic store publishes the bytes before the state. Two threads may draw the same image: they write equal bytes.
    if (Atomics.load(status, index) === MISSING) {
      drawShape(label, this.#generator.fork(index), image);
      Atomics.store(status, index, DRAWN);
    }
    into.set(image, offset);
    return label;
  }

  contents(): string {
    return `${this.describe()}, ${this.#contents.train ? 'training' : 'test'} images`;
  }

  /** One-line description for logs. */
  describe(): string {
    const { length, seed } = this.#contents;
    return `${this.name}: ${counted(length, 'image')} drawn by code, seed ${seed}`;
  }
}

/** Opens the data set with the same cache in another thread. */
export function openSharedShapes10(contents: Contents): Shapes10 {
  return new Shapes10(contents);
}
