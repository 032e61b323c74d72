import { DataError, UsageError } from '../errors/errors.js';
import type { Rows } from '../tensor/random.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { checkBytes, checkedLabels, type Unchecked } from './check-batch.js';
import { type Dataset, isFloatSet } from './dataset.js';
import { collate } from './samples/collate.js';
import { type Packed, pack, type SampleSet, unpack } from './samples/sample.js';
import { type Augmentation, augmented } from './transforms/host/index.js';
import { markFloats } from './transforms/transform.js';

/** Fields common to all batches. */
export interface AnyBatch {
  /** Index of each sample in the data set; for a set that is read in order, its place in the epoch. */
  indices: Int32Array;
  /** Index of the batch in its epoch, from 0. */
  index: number;
  /** The rows of the whole batch that this rank has read, if several ranks share each batch. */
  rows?: Rows;
}

/** A batch of N images with their labels. The receiver owns the arrays and may change them. */
export interface Batch extends AnyBatch {
  /** The images one after another, N × C × H × W: bytes (0 to 255), or floats if the data set says so. */
  images: Uint8Array | Float32Array;
  shape: [n: number, channels: number, height: number, width: number];
  /** N labels. */
  labels: Int32Array;
}

/** A batch of a data set of any samples. */
export interface SampleBatch extends AnyBatch {
  /** The stacked samples; a list of single ones for a loader with a `collate` of its own. */
  values: Packed | readonly unknown[];
}
/** Number of images of the whole batch, of which this may be a part. */
export const totalOf = ({ indices, rows }: AnyBatch): number => rows?.total ?? indices.length;

/** Number of images of a batch that this process computes; a placeholder does not count. */
export const ownOf = ({ indices, rows }: AnyBatch): number => rows?.count ?? indices.length;

/**
 * Reads the images `indices` of a data set into a batch.
 * @param augmentation transforms of single images
 * @throws DataError for a label out of range or values that are not bytes; also whatever the data set throws
 */
export async function assembleBatch(
  dataset: Dataset,
  indices: Int32Array,
  index: number,
  augmentation?: Augmentation,
): Promise<Batch> {
  const [channels, height, width] = dataset.imageShape;
  const size = channels * height * width;
  const floats = isFloatSet(dataset);
  const images = new (floats ? Float32Array : Uint8Array)(indices.length * size);
  const labels = new Float64Array(indices.length);
  const set: Unchecked & Dataset = dataset;
  if (set.readMany) await set.readMany(indices, images, labels);
  else {
    // An array for one image: a data set that ignores the offset, or exceeds it, cannot write into another image.
    const one = new (floats ? Float32Array : Uint8Array)(size);
    for (let i = 0; i < indices.length; i++) {
      labels[i] = readOne(set, indices[i]!, one.fill(0));
      images.set(one, i * size);
    }
    if (indices.length > 0 && images instanceof Uint8Array)
      checkBytes(set, indices[0]!, images.subarray(0, size));
  }
  const checked = checkedLabels(dataset, labels, indices);
  const shape: Batch['shape'] = [indices.length, channels, height, width];
  const { data, shape: newShape } = augmentation
    ? augmented(images, shape, index, augmentation)
    : { data: images, shape };
  return { images: data, shape: newShape, labels: checked, indices, index };
}

function readOne(set: Unchecked & Dataset, index: number, into: Uint8Array | Float32Array): number {
  try {
    const label: number | Promise<unknown> = set.read(index, into, 0);
    if (typeof label !== 'object') return label;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new DataError({
      what: `Image ${index} of ${set.name} cannot be read`,
      expected: `${into.length} values, for images [${set.imageShape.join(', ')}]`,
      got: error.message,
      next: 'check the imageShape, and that read() writes one image, from the given offset on',
      cause: error,
    });
  }
  throw new DataError({
    what: `read() of ${set.name} did not return the label of image ${index}`,
    expected: 'a number, the index of its class',
    got: 'an object, such as the promise of an asynchronous function',
    next: 'write readMany(indices, into, labels) for a data set that reads asynchronously',
  });
}

/** The images of a batch as a tensor [N, C, H, W]. */
export function imagesOf({ images, shape }: Pick<Batch, 'images' | 'shape'>): Tensor {
  const values = tensor(images, { shape });
  return images instanceof Float32Array ? markFloats(values) : values;
}

/**
 * Reads samples into a batch.
 * @param stacked whether to stack them; else the batch holds single samples
 */
export async function assembleSamples(
  set: SampleSet<unknown>,
  indices: Int32Array,
  index: number,
  stacked: boolean,
): Promise<SampleBatch> {
  const samples: unknown[] = [];
  for (const i of indices) samples.push(await set.get(i));
  return { values: await packed(set.name, samples, stacked, (i) => indices[i]!), indices, index };
}

/** @param places of the samples in the data set, for messages */
export async function packed(
  name: string,
  samples: readonly unknown[],
  stacked: boolean,
  places: (i: number) => number,
): Promise<Packed> {
  const values = await Promise.all(
    samples.map((sample, i) => pack(sample, `sample ${places(i)} of ${name}`)),
  );
  return stacked ? collate(values, name) : values;
}

/** The samples of a batch that holds single samples. */
export function samplesOf(batch: SampleBatch): readonly unknown[] {
  if (Array.isArray(batch.values)) return (batch.values as readonly Packed[]).map(unpack);
  throw new UsageError({ what: 'the batch does not hold single samples' });
}

/** The images of a batch as bytes, to look at; floats are taken to be in [0, 1]. */
export const visible = ({ images }: Pick<Batch, 'images'>): Uint8Array =>
  images instanceof Uint8Array
    ? images
    : new Uint8Array(Uint8ClampedArray.from(images, (value) => 255 * value).buffer);
