import { shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import {
  dtypeOf,
  isTypedArray,
  makeArray,
  sameShape,
  showShape,
  sizeOf,
  type TypedArray,
} from '../../graph/types.js';
import { convert } from '../../tensor/arguments.js';
import { Tensor, tensor } from '../../tensor/tensor.js';
import { type ArrayValue, isArrayValue } from './sample.js';

/**
 * Stacks sequences of different lengths: PyTorch's `pad_sequence` with `batch_first=True`.
 *
 * @param sequences typed arrays [Lᵢ], or values of shape [Lᵢ, …] with the same further axes
 * @param paddingValue value that fills up the shorter sequences; default 0
 * @returns [N, L, …] with L of the longest
 * @example
 * const collate = (sentences: readonly Int32Array[]) => padSequence(sentences);
 */
export function padSequence(sequences: readonly (TypedArray | ArrayValue)[], paddingValue = 0): Tensor {
  if (!Array.isArray(sequences) || sequences.length === 0)
    throw new UsageError({
      what: 'padSequence got no sequences',
      expected: 'a list of typed arrays, or of { data, shape }',
      got: shown(sequences),
    });
  if (typeof paddingValue !== 'number')
    throw new UsageError({
      what: 'padSequence got a bad paddingValue',
      expected: 'a number',
      got: shown(paddingValue),
    });
  const arrays = (sequences as readonly unknown[]).map((one): ArrayValue => {
    if (isTypedArray(one)) return { data: one, shape: [one.length] };
    if (isArrayValue(one) && one.shape.length > 0) return one;
    throw new UsageError({
      what: 'padSequence got something that is not a sequence',
      expected: 'a typed array, or { data, shape } with a first axis',
      got: one instanceof Tensor ? `${one}` : shown(one),
      ...(one instanceof Tensor ? { next: 'read it with await tensor.data() first' } : {}),
    });
  });
  const [first] = arrays as [ArrayValue, ...ArrayValue[]];
  const dtype = dtypeOf(first.data);
  const further = first.shape.slice(1);
  for (const { data, shape } of arrays)
    if (!sameShape(shape.slice(1), further) || dtypeOf(data) !== dtype || sizeOf(shape) !== data.length)
      throw new UsageError({
        what: 'padSequence got sequences that cannot be stacked',
        expected: `${dtype} ${showShape(['L', ...further] as unknown as number[])}, as the first one`,
        got: `${data.length} values of ${dtypeOf(data)} ${showShape(shape)}`,
      });
  convert([paddingValue], dtype);
  const longest = Math.max(...arrays.map(({ shape }) => shape[0]!));
  const size = longest * sizeOf(further);
  const data = makeArray(dtype, arrays.length * size).fill(paddingValue);
  for (const [i, one] of arrays.entries()) data.set(one.data, i * size);
  return tensor(data, { shape: [arrays.length, longest, ...further] });
}
