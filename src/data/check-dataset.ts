import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { isShape } from '../graph/types.js';
import type { Dataset } from './dataset.js';
import type { IterableSet, SampleSet } from './samples/sample.js';

/**
 * Checks that an object has the fields and methods of a data set; reads no image.
 *
 * @param owner the function or class that received the object, for messages
 * @throws UsageError that names the missing or invalid field
 */
export function checkDataset(owner: string, dataset: unknown): asserts dataset is Dataset {
  const refuse = (expected: string, got: string, next?: string): never => {
    throw new UsageError({ what: `${owner} reads a data set`, expected, got, ...(next ? { next } : {}) });
  };
  if (typeof dataset !== 'object' || dataset === null || Array.isArray(dataset) || dataset instanceof Promise)
    refuse(
      'an object with name, length, classes, imageShape and read()',
      shown(dataset),
      dataset instanceof Promise
        ? 'await it: open() returns a promise'
        : Array.isArray(dataset)
          ? 'write an object whose read(index, into, offset) copies the bytes of an image and returns its label'
          : 'open one, such as await Shapes10.open({ train: true })',
    );
  const set = dataset as Partial<Record<keyof Dataset, unknown>>;
  if (!Number.isSafeInteger(set.length) || (set.length as number) < 0)
    refuse('a length: the number of its images', `length ${shown(set.length)}`);
  if (!isShape(set.imageShape) || set.imageShape.length !== 3 || set.imageShape.includes(0))
    refuse('an imageShape [channels, height, width]', `imageShape ${shown(set.imageShape)}`);
  if (typeof set.read !== 'function' && typeof set.readMany !== 'function')
    refuse('a method read(index, into, offset) that returns the label', `read ${shown(set.read)}`);
  const { dtype } = dataset as { dtype?: unknown };
  if (dtype !== undefined && dtype !== 'uint8' && dtype !== 'float32')
    refuse("a dtype of 'uint8' or 'float32'", `dtype ${shown(dtype)}`);
}

/** Whether an object is meant as a data set of samples of any kind, read by index. */
export const isSampleSet = (set: unknown): set is SampleSet<unknown> =>
  typeof (set as SampleSet | null | undefined)?.get === 'function' && !(set instanceof Map);

/** Whether an object is meant as a data set that is read from its beginning to its end. */
export const isIterableSet = (set: unknown): set is IterableSet<unknown> =>
  typeof (set as IterableSet | null | undefined)?.iterate === 'function';

/** Checks any kind of data set that a loader takes. @throws UsageError */
export function checkSource(
  owner: string,
  set: unknown,
): asserts set is Dataset | SampleSet<unknown> | IterableSet<unknown> {
  if (!isSampleSet(set) && !isIterableSet(set)) {
    const images = ['read', 'readMany', 'classes', 'imageShape'];
    if (typeof set === 'object' && set && !(set instanceof Promise) && !images.some((part) => part in set))
      throw new UsageError({
        what: `${owner} reads a data set`,
        expected:
          'an object with name, length and get(index), or name and iterate(epoch), or labelled images with read()',
        got: shown(set),
        ...(Array.isArray(set)
          ? { next: "write { name: 'mine', length: samples.length, get: (i) => samples[i] }" }
          : {}),
      });
    return checkDataset(owner, set);
  }
  const { name, length } = set;
  const unknown = length === undefined && isIterableSet(set);
  if (typeof name === 'string' && (unknown || (Number.isSafeInteger(length) && length! >= 0))) return;
  throw new UsageError({
    what: `${owner} reads a data set`,
    expected: 'a name, and a length: the number of its samples',
    got: `name ${shown(name)}, length ${shown(length)}`,
  });
}
