import { checkBytes, checkedLabels, type Unchecked } from './check-batch.js';
import type { Dataset } from './dataset.js';

/** A batch of N images with their labels. The receiver owns the arrays and may change them. */
export interface Batch {
  /** The images one after another, N × C × H × W bytes (0 to 255). */
  images: Uint8Array;
  shape: [n: number, channels: number, height: number, width: number];
  /** N labels. */
  labels: Int32Array;
  /** Index of each image in the data set. */
  indices: Int32Array;
  /** Index of the batch in its epoch, from 0. */
  index: number;
}

/**
 * Reads the images `indices` of a data set into a batch.
 * @throws DataError for a label out of range or values that are not bytes; also whatever the data set throws
 */
export async function assembleBatch(dataset: Dataset, indices: Int32Array, index: number): Promise<Batch> {
  const [channels, height, width] = dataset.imageShape;
  const size = channels * height * width;
  const images = new Uint8Array(indices.length * size);
  const labels = new Float64Array(indices.length);
  const set: Unchecked & Dataset = dataset;
  if (set.readMany) await set.readMany(indices, images, labels);
  else {
    for (let i = 0; i < indices.length; i++) labels[i] = set.read(indices[i]!, images, i * size);
    if (indices.length > 0) checkBytes(set, indices[0]!, images.subarray(0, size));
  }
  const checked = checkedLabels(dataset, labels, indices);
  return { images, shape: [indices.length, channels, height, width], labels: checked, indices, index };
}
