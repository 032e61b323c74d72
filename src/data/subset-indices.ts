import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { Generator } from '../random.js';
import { checkIndex } from './dataset.js';

interface Base {
  readonly name: string;
  readonly length: number;
}

/** A copy of the indices that a subset reads. @throws UsageError for an index outside of the data set */
export function subsetIndices(
  owner: string,
  base: Base,
  indices: ArrayLike<number>,
  kind?: Parameters<typeof checkIndex>[2],
): Int32Array {
  if (!Array.isArray(indices) && !ArrayBuffer.isView(indices))
    throw new UsageError({
      what: `${owner} got no list of indices`,
      expected: 'an array of numbers',
      got: shown(indices),
    });
  for (let i = 0; i < indices.length; i++) checkIndex(base, indices[i]!, kind);
  return Int32Array.from(indices);
}

/** `count` distinct random indices: a pure function of the data set's length, `count` and `seed`. */
export function randomIndices(base: Base, count: number, seed: number): Int32Array {
  if (!Number.isInteger(count) || count < 0 || count > base.length)
    throw new UsageError({
      what: `a random subset of ${base.name} cannot have this size`,
      expected: `0 to ${base.length}`,
      got: String(count),
    });
  return new Generator(seed).permutation(base.length).subarray(0, count);
}
