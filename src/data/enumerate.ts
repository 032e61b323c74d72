import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';

/**
 * Yields each item of a loader with its index, from 0, like Python's enumerate.
 *
 * @example
 * for await (const [i, [inputs, labels]] of enumerate(loader)) console.log(i, inputs.shape, labels.shape);
 */
export async function* enumerate<T>(
  items: AsyncIterable<T>,
): AsyncGenerator<readonly [index: number, item: T]> {
  if (
    typeof (items as AsyncIterable<T> | undefined)?.[Symbol.asyncIterator] !== 'function' &&
    !isIterable(items)
  )
    throw new UsageError({
      what: 'enumerate got something that cannot be iterated',
      expected: 'a DataLoader',
      got: shown(items),
    });
  let index = 0;
  for await (const item of items) yield [index++, item];
}

const isIterable = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Symbol.iterator in value;
