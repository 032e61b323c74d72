import { shown } from '../../errors/arguments.js';
import { ShapeError, UsageError } from '../../errors/errors.js';
import { dtypeOf, isTypedArray, makeArray, showShape, sizeOf, type TypedArray } from '../../graph/types.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkIndex, type WorkerSpec } from '../dataset.js';
import { type ArrayValue, isArrayValue, type SampleSet } from './sample.js';

/** A row of each column. */
type Rows<Columns extends readonly unknown[]> = { readonly [K in keyof Columns]: ArrayValue };

/**
 * Samples from arrays with a common first axis, as PyTorch's class of this name: sample i is a tuple of row i of each.
 * Targets may have any shape and type: float32 for regression, int32 for class labels and token ids.
 *
 * @example
 * const set = await TensorDataset.of(tensor(x, { shape: [100, 3] }), Float32Array.from(y));
 * const loader = new DataLoader(set, { batchSize: 10, shuffle: true });
 */
export class TensorDataset<Columns extends readonly unknown[] = readonly ArrayValue[]>
  implements SampleSet<Rows<Columns>>
{
  readonly name = 'TensorDataset';
  readonly length: number;
  readonly workerSpec: WorkerSpec;
  readonly #columns: readonly ArrayValue[];

  /** Use {@link TensorDataset.of}. @param columns each with a first axis of the same length */
  constructor(columns: readonly ArrayValue[]) {
    const [first] = columns;
    if (!first)
      throw new UsageError({ what: 'TensorDataset got no arrays', expected: 'at least one', got: 'none' });
    for (const { data, shape } of columns)
      if (shape.length === 0 || shape[0] !== first.shape[0] || sizeOf(shape) !== data.length)
        throw new ShapeError({
          what: 'TensorDataset got arrays of different lengths',
          expected: `a first axis of ${first.shape[0] ?? 'N'} for each`,
          got: columns.map((column) => showShape(column.shape)).join(', '),
        });
    this.length = first.shape[0]!;
    this.#columns = columns;
    this.workerSpec = { module: import.meta.url, export: 'openTensorDataset', options: columns.map(shared) };
  }

  /** @param columns tensors, typed arrays, or values with a shape */
  static async of<Columns extends readonly (Tensor | TypedArray | ArrayValue)[]>(
    ...columns: Columns
  ): Promise<TensorDataset<Columns>> {
    return new TensorDataset<Columns>(
      await Promise.all(
        columns.map(async (column): Promise<ArrayValue> => {
          if (column instanceof Tensor) return { data: await column.data(), shape: column.shape };
          if (isTypedArray(column)) return { data: column, shape: [column.length] };
          if (isArrayValue(column)) return column;
          throw new UsageError({
            what: 'TensorDataset got something that is not an array of numbers',
            expected: 'tensors, typed arrays or { data, shape }',
            got: shown(column),
            ...(Array.isArray(column) ? { next: 'convert it with tensor(…)' } : {}),
          });
        }),
      ),
    );
  }

  get(index: number): Rows<Columns> {
    checkIndex(this, index, 'sample');
    return this.#columns.map(({ data, shape: [, ...shape] }) => {
      const size = sizeOf(shape);
      return { data: data.subarray(index * size, (index + 1) * size), shape };
    }) as Rows<Columns>;
  }
}

/** A copy in shared memory, if the platform has it, so that all worker threads read the same. */
function shared({ data, shape }: ArrayValue): ArrayValue {
  if (typeof SharedArrayBuffer === 'undefined' || data.buffer instanceof SharedArrayBuffer)
    return { data, shape };
  const copy = makeArray(dtypeOf(data), new SharedArrayBuffer(data.byteLength), 0, data.length);
  copy.set(data);
  return { data: copy, shape };
}

/** Opens the same arrays in another thread. */
export const openTensorDataset = (columns: readonly ArrayValue[]): TensorDataset =>
  new TensorDataset(columns);
