import { shown } from '../../errors/arguments.js';
import { DataError } from '../../errors/errors.js';
import { hostLeaf } from '../../graph/node.js';
import {
  dtypeOf,
  isShape,
  isTypedArray,
  type Shape,
  showShape,
  sizeOf,
  type TypedArray,
} from '../../graph/types.js';
import { Tensor } from '../../tensor/tensor.js';
import type { WorkerSpec } from '../worker-spec.js';

/** Values with a shape, in row-major order. Unlike a tensor it can be sent to another thread. */
export interface ArrayValue {
  readonly data: TypedArray;
  readonly shape: Shape;
}

/**
 * One sample of a data set, as in PyTorch: a number (float32), a typed array (a vector), values with a shape, a tensor,
 * text, or tuples and records of those. `tensor(3, { dtype: 'int32' })` or `Int32Array` give integers.
 */
export type Sample =
  | number
  | string
  | TypedArray
  | ArrayValue
  | Tensor
  | readonly Sample[]
  | { readonly [name: string]: Sample };

/**
 * A data set of any samples, read by index.
 *
 * @example
 * const set: SampleSet<[Float32Array, number]> = {
 *   name: 'squares',
 *   length: 100,
 *   get: (i) => [Float32Array.of(i), i * i],
 * };
 */
export interface SampleSet<S = Sample> {
  readonly name: string;
  /** Number of samples. */
  readonly length: number;
  /** Sample `index`. */
  get(index: number): S | Promise<S>;
  /** How worker threads open the data set; without it the set cannot be used in worker threads. */
  readonly workerSpec?: WorkerSpec | undefined;
}

/**
 * A data set that is read from its beginning to its end, such as a stream or a generator. A resumed epoch reads and
 * discards the samples before its position.
 */
export interface IterableSet<S = Sample> {
  readonly name: string;
  /** Samples of an epoch; undefined if it is not known. */
  readonly length?: number | undefined;
  /** The samples of an epoch, from 0; the same ones each time it is called. */
  iterate(epoch: number): Iterable<S> | AsyncIterable<S>;
}

/** A batch of samples as the default `collate` makes it: numbers and arrays become tensors with a first axis of N. */
export type Collated<S> = S extends string
  ? readonly string[]
  : S extends number | TypedArray | ArrayValue | Tensor
    ? Tensor
    : { [K in keyof S]: Collated<S[K]> };

/**
 * A sample or a batch without tensors, as threads exchange it. Values that were tensors are marked, so that `unpack`
 * restores them.
 */
export type Packed =
  | number
  | string
  | TypedArray
  | PackedArray
  | readonly Packed[]
  | { readonly [name: string]: Packed };
export interface PackedArray extends ArrayValue {
  readonly tensor?: true;
}

export const isArrayValue = (value: unknown): value is ArrayValue =>
  typeof value === 'object' &&
  value !== null &&
  'data' in value &&
  'shape' in value &&
  isTypedArray(value.data);

const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' &&
  value !== null &&
  [null, Object.prototype].includes(Object.getPrototypeOf(value) as object | null);

/**
 * Replaces tensors by their values.
 *
 * @param where names the value in messages: `sample 3 of squares`
 * @throws DataError for anything that is not a {@link Sample}
 */
export async function pack(value: unknown, where: string): Promise<Packed> {
  if (typeof value === 'number' || typeof value === 'string' || isTypedArray(value)) return value;
  if (value instanceof Tensor) return { data: await value.data(), shape: value.shape, tensor: true };
  if (isArrayValue(value)) {
    if (isShape(value.shape) && sizeOf(value.shape) === value.data.length) return value as PackedArray;
    throw new DataError({
      what: `${where} has values that do not fit its shape`,
      expected: 'as many values as the shape says',
      got: `${value.data.length} values and shape ${isShape(value.shape) ? showShape(value.shape) : shown(value.shape)}`,
    });
  }
  if (Array.isArray(value))
    return Promise.all(value.map((item: unknown, i) => pack(item, `${where}, item ${i},`)));
  if (isPlainObject(value)) {
    const entries = Object.entries(value).map(
      async ([name, item]) => [name, await pack(item, `${where}, ${name},`)] as const,
    );
    return Object.fromEntries(await Promise.all(entries));
  }
  throw new DataError({
    what: `${where} cannot be part of a batch`,
    expected: 'a number, text, a typed array, { data, shape }, a tensor, or tuples and records of those',
    got: shown(value),
    next: 'convert it in the data set, or leave it out',
  });
}

/** Restores the tensors that {@link pack} has replaced. */
export function unpack(value: Packed): Sample {
  if (typeof value === 'number' || typeof value === 'string' || isTypedArray(value)) return value;
  if (isArrayValue(value)) return (value as PackedArray).tensor ? tensorOf(value) : value;
  if (Array.isArray(value)) return (value as readonly Packed[]).map(unpack);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, unpack(item as Packed)]));
}

const tensorOf = ({ data, shape }: ArrayValue): Tensor => new Tensor(hostLeaf(data, shape, dtypeOf(data)));

/** The buffers in a value that may be transferred to another thread instead of copied. */
export function buffersOf(value: Packed): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  const visit = (one: Packed): void => {
    if (typeof one === 'number' || typeof one === 'string') return;
    if (isTypedArray(one)) {
      if (one.buffer instanceof ArrayBuffer) found.add(one.buffer);
    } else if (isArrayValue(one)) visit(one.data);
    else for (const item of Object.values(one)) visit(item as Packed);
  };
  visit(value);
  return [...found];
}
