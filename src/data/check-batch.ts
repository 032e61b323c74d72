import { classCount } from '../errors/counted.js';
import { DataError } from '../errors/errors.js';
import { type Dataset, UNREADABLE } from './dataset.js';

/**
 * The data set's methods with untyped arrays. Typed arrays would silently truncate values that are not bytes and labels
 * that are not integers before they can be checked.
 */
export interface Unchecked {
  read(index: number, into: Uint8Array | Float32Array | Float64Array, offset: number): number;
  readMany?(
    indices: ArrayLike<number>,
    into: Uint8Array | Float32Array,
    labels: Int32Array | Float64Array,
  ): Promise<void>;
}

type Named = Pick<Dataset, 'name' | 'classes' | 'imageShape'>;

/** Labels as int32. @throws DataError for a label that is not a class index of the data set */
export function checkedLabels(
  { name, classes }: Named,
  labels: Float64Array,
  indices: ArrayLike<number>,
): Int32Array<ArrayBuffer> {
  for (const [i, label] of labels.entries()) {
    if (label === UNREADABLE) continue;
    if (Number.isInteger(label) && label >= 0 && label < classes.length) continue;
    throw new DataError({
      what: `${name} gives image ${indices[i]} a label out of range`,
      expected: `a label from 0 to ${classes.length - 1}, for ${classCount(classes.length)}`,
      got: String(label),
      next: 'check the labels: each is an index into the list of classes',
    });
  }
  return Int32Array.from(labels);
}

/** Data sets that have been checked. */
const checked = new WeakSet<object>();

/**
 * Checks, once for each data set, that it writes bytes: floats in [0, 1] would all be truncated to 0.
 *
 * @param bytes the image as the data set wrote it into a Uint8Array
 * @throws DataError if the data set writes anything but integers from 0 to 255
 */
export function checkBytes(dataset: Unchecked & Named, index: number, bytes: Uint8Array): void {
  if (checked.has(dataset)) return;
  checked.add(dataset);
  const values = new Float64Array(bytes.length);
  try {
    dataset.read(index, values, 0);
  } catch {
    // The data set copies memory into a Uint8Array, so it writes bytes.
    return;
  }
  const wrong = values.find((value) => !(Number.isInteger(value) && value >= 0 && value <= 255));
  // If the bytes are not the truncated values (because the data set writes to the array's buffer), the values prove
  // nothing.
  if (wrong === undefined || Uint8Array.from(values).some((value, i) => value !== bytes[i])) return;
  throw new DataError({
    what: `${dataset.name} writes values that are not bytes; they would be truncated`,
    expected: 'whole numbers from 0 to 255',
    got: `${wrong} in image ${index}`,
    next: "write images as bytes (multiply by 255 if they are in [0, 1]), or give the data set dtype: 'float32', with which it writes floats",
  });
}
