import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { isShape } from '../graph/types.js';
import type { Dataset } from './dataset.js';

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
}
