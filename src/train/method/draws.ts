import { checkNumber, checkOptionNames } from '../../errors/arguments.js';
import { sizeOf } from '../../graph/types.js';
import type { Generator } from '../../random.js';
import type { Rows } from '../../tensor/random.js';
import { tensor } from '../../tensor/tensor.js';
import type { Draws } from './method.js';

/**
 * Random tensors from a generator.
 *
 * @param batch for one rank of several: a tensor with one row for each of its samples is drawn for the whole batch
 *   and cut, so that all ranks together get what a single process would draw
 */
export function drawsFrom(
  generator: Generator,
  { count, rows }: { readonly count?: number; readonly rows?: Rows | undefined } = {},
): Draws {
  const drawn = (shape: readonly number[], next: () => number) => {
    if (!rows || shape[0] !== count)
      return tensor(Float32Array.from({ length: sizeOf(shape) }, next), { shape });
    const size = sizeOf(shape.slice(1));
    const whole = Float32Array.from({ length: rows.total * size }, next);
    return tensor(whole.slice(rows.start * size, (rows.start + count) * size), { shape });
  };
  return {
    generator,
    normal(shape, options = {}) {
      checkOptionNames('normal', options, ['mean', 'std']);
      const { mean = 0, std = 1 } = options;
      checkNumber('normal', 'mean', mean, { expected: 'a number' });
      checkNumber('normal', 'std', std, { least: 0, expected: 'a number from 0' });
      return drawn(shape, () => generator.normal(mean, std));
    },
    uniform(shape, options = {}) {
      checkOptionNames('uniform', options, ['low', 'high']);
      const { low = 0, high = 1 } = options;
      checkNumber('uniform', 'low', low, { expected: 'a number' });
      checkNumber('uniform', 'high', high, { least: low, expected: `a number from ${low}` });
      return drawn(shape, () => generator.uniform(low, high));
    },
  };
}
