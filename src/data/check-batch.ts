import { DataError } from '../errors/errors.js';
import { type Dataset, UNREADABLE } from './dataset.js';

/**
 * A data set's own methods, with arrays that keep what they are given: numbers that are no bytes, and labels that are
 * no whole numbers, would be cut to some before anybody has seen them.
 */
export interface Unchecked {
  read(index: number, into: Uint8Array | Float64Array, offset: number): number;
  readMany?(indices: ArrayLike<number>, into: Uint8Array, labels: Int32Array | Float64Array): Promise<void>;
}

type Named = Pick<Dataset, 'name' | 'classes' | 'imageShape'>;

/** The labels of some images. @throws DataError for one that is no class of the data set */
export function checkedLabels(
  { name, classes }: Named,
  labels: Float64Array,
  indices: ArrayLike<number>,
): Int32Array<ArrayBuffer> {
  for (const [i, label] of labels.entries()) {
    if (label === UNREADABLE) continue;
    if (Number.isInteger(label) && label >= 0 && label < classes.length) continue;
    throw new DataError({
      what: `${name} gives image ${indices[i]} a label that is no class`,
      expected: `a label from 0 to ${classes.length - 1}, for ${classes.length} classes`,
      got: String(label),
      next: 'check the labels: each is a place in the list of classes',
    });
  }
  return Int32Array.from(labels);
}

/** Data sets whose first image has been looked at. */
const known = new WeakSet<object>();

/**
 * Looks once whether a data set writes bytes: floats from 0 to 1 would all become 0.
 *
 * @param bytes what it wrote as bytes for that image
 * @throws DataError for one that writes other numbers
 */
export function checkBytes(dataset: Unchecked & Named, index: number, bytes: Uint8Array): void {
  if (known.has(dataset)) return;
  known.add(dataset);
  const values = new Float64Array(bytes.length);
  try {
    dataset.read(index, values, 0);
  } catch {
    // It copies memory, which holds bytes then.
    return;
  }
  const wrong = values.find((value) => !(Number.isInteger(value) && value >= 0 && value <= 255));
  // Where it writes memory rather than numbers these are no longer what it wrote.
  if (wrong === undefined || Uint8Array.from(values).some((value, i) => value !== bytes[i])) return;
  throw new DataError({
    what: `${dataset.name} writes numbers that are no bytes: an image of them would be lost`,
    expected: 'whole numbers from 0 to 255',
    got: `${wrong} in image ${index}`,
    next: 'write images as bytes, times 255 if they are from 0 to 1; the transform makes them floats again',
  });
}
