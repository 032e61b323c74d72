import { DataError } from '../../errors/errors.js';
import {
  dtypeOf,
  isTypedArray,
  makeArray,
  sameShape,
  showShape,
  sizeOf,
  withMemory,
} from '../../graph/types.js';
import { type ArrayValue, isArrayValue, type Packed, type PackedArray } from './sample.js';

/**
 * Stacks samples: numbers and arrays along a new first axis, tuples and records member by member, text as a list. It is
 * PyTorch's `default_collate`, with float32 for plain numbers.
 *
 * @param samples of one structure, at least one
 * @param where names the samples in messages
 * @throws DataError if the samples differ in structure, shape or element type
 */
export function collate(samples: readonly Packed[], where: string): Packed {
  const first = samples[0]!;
  const same = (fits: (sample: Packed) => boolean, expected: string): void => {
    const i = samples.findIndex((sample) => !fits(sample));
    if (i >= 0) throw unlike(where, expected, samples[i]!, i);
  };
  if (typeof first === 'string') {
    same((sample) => typeof sample === 'string', 'text');
    return samples as readonly string[];
  }
  if (typeof first === 'number') {
    same((sample) => typeof sample === 'number', 'a number');
    return { data: Float32Array.from(samples as readonly number[]), shape: [samples.length], tensor: true };
  }
  const array = arrayOf(first);
  if (array) {
    const { shape } = array;
    const dtype = dtypeOf(array.data);
    same(
      (sample) => {
        const other = arrayOf(sample);
        return other !== undefined && sameShape(other.shape, shape) && dtypeOf(other.data) === dtype;
      },
      `${dtype} ${showShape(shape)}`,
    );
    const size = sizeOf(shape);
    const data = withMemory(
      () => `A batch of ${samples.length} samples of ${showShape(shape)}`,
      () => makeArray(dtype, samples.length * size),
    );
    for (const [i, sample] of samples.entries()) data.set(arrayOf(sample)!.data, i * size);
    return { data, shape: [samples.length, ...shape], tensor: true } satisfies PackedArray;
  }
  if (Array.isArray(first)) {
    same((sample) => Array.isArray(sample) && sample.length === first.length, `a tuple of ${first.length}`);
    return first.map((_, k) =>
      collate(
        samples.map((sample) => (sample as readonly Packed[])[k]!),
        `${where}, item ${k}`,
      ),
    );
  }
  const names = Object.keys(first);
  const isLike = (sample: Packed): sample is Readonly<Record<string, Packed>> =>
    typeof sample === 'object' &&
    !Array.isArray(sample) &&
    !arrayOf(sample) &&
    Object.keys(sample).length === names.length &&
    names.every((name) => Object.hasOwn(sample, name));
  same(isLike, `a record of ${names.join(', ')}`);
  const members = samples as readonly Readonly<Record<string, Packed>>[];
  return Object.fromEntries(
    names.map((name) => [
      name,
      collate(
        members.map((member) => member[name]!),
        `${where}, ${name}`,
      ),
    ]),
  );
}

function arrayOf(value: Packed): ArrayValue | undefined {
  if (typeof value === 'number' || typeof value === 'string') return undefined;
  if (isTypedArray(value)) return { data: value, shape: [value.length] };
  return isArrayValue(value) ? value : undefined;
}

function unlike(where: string, expected: string, sample: Packed, index: number): DataError {
  const array = arrayOf(sample);
  const got = array
    ? `${dtypeOf(array.data)} ${showShape(array.shape)}`
    : Array.isArray(sample)
      ? `a tuple of ${sample.length}`
      : typeof sample === 'object'
        ? `a record of ${Object.keys(sample).join(', ')}`
        : `a ${typeof sample}`;
  return new DataError({
    what: `${where}: the samples of a batch cannot be stacked`,
    expected: `${expected}, as the first sample of the batch has`,
    got: `${got} in sample ${index} of the batch`,
    next: array
      ? 'give all samples one shape and element type, or pass a collate to the loader, such as one that pads with padSequence'
      : 'give all samples the same structure, or pass a collate to the loader',
  });
}
