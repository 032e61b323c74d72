/**
 * Counts along, from 0.
 *
 * @example
 * for await (const [i, [inputs, labels]] of enumerate(loader)) console.log(i, inputs.shape, labels.shape);
 */
export async function* enumerate<T>(
  items: AsyncIterable<T>,
): AsyncGenerator<readonly [index: number, item: T]> {
  let index = 0;
  for await (const item of items) yield [index++, item];
}
