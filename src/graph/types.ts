import { isInteger } from '../errors/arguments.js';
import { DeviceError } from '../errors/errors.js';

/** Element types of tensors. `int32` is for labels and indices, `uint8` for images. */
export type DType = 'float32' | 'float64' | 'int32' | 'uint8';

export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Values passed to a run; a promise if an earlier run is still computing them. */
export type Feed = TypedArray | Promise<TypedArray>;

export type Shape = readonly number[];

/** Shape and element type of a tensor: the input of a shape rule. */
export interface Spec {
  readonly shape: Shape;
  readonly dtype: DType;
}

export type AttrValue = number | boolean | string | readonly number[];
/**
 * Static attributes of an operation, and a part of a plan's key: a new value means another plan, except for numbers that
 * an operation lists as such.
 */
export type Attrs = Readonly<Record<string, AttrValue>>;

const ARRAY = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint8: Uint8Array,
} as const;

/** Bytes of one element. */
export const bytesOf = (dtype: DType): number => ARRAY[dtype].BYTES_PER_ELEMENT;

/** Number of elements of a shape; 1 for a scalar. */
export const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** Most elements of a tensor: kernels count them in 32 bits, also those of values that are not stored. */
export const MOST_ELEMENTS: number = 2 ** 31 - 1;

/** Strides of a row-major shape, in elements. */
export const stridesOf = (shape: Shape): number[] => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

/** A shape as three dimensions: the product of the sizes before an axis, the axis, and the product after it. */
export const around = (shape: Shape, axis: number): { outer: number; length: number; inner: number } => ({
  outer: sizeOf(shape.slice(0, axis)),
  length: shape[axis]!,
  inner: sizeOf(shape.slice(axis + 1)),
});

export const isFloat = (dtype: DType): boolean => dtype === 'float32' || dtype === 'float64';

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

/** `[2, 3]`, as error messages print it. */
export const showShape = (shape: Shape): string => `[${shape.join(', ')}]`;

/** A zeroed array, or a view of a part of a buffer. */
export function makeArray(dtype: DType, length: number): TypedArray;
export function makeArray(
  dtype: DType,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): TypedArray;
export function makeArray(
  dtype: DType,
  first: number | ArrayBufferLike,
  byteOffset?: number,
  length?: number,
): TypedArray {
  const Type = ARRAY[dtype];
  return typeof first === 'number' ? new Type(first) : new Type(first as ArrayBuffer, byteOffset, length);
}

/** Messages of JavaScript engines for an array that is too long, or for too little memory. */
const NO_MEMORY =
  /allocation failed|invalid (typed )?array( buffer)? length|array size exceeded|out of memory/i;

/**
 * Runs a function that allocates large arrays.
 *
 * @param what names them in the error message
 * @throws DeviceError instead of the engine's RangeError if there is not enough memory
 */
export function withMemory<T>(what: () => string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof RangeError && NO_MEMORY.test(error.message))) throw error;
    throw new DeviceError({
      what: `${what()} does not fit in memory`,
      expected: 'a size that this machine can hold',
      got: error.message,
      next: 'compute with smaller tensors, or with fewer images at a time',
      cause: error,
    });
  }
}

/** Whether a value is a list of sizes. */
export const isShape = (value: unknown): value is Shape =>
  Array.isArray(value) && value.every((size) => isInteger(size));

export const isDType = (value: unknown): value is DType =>
  typeof value === 'string' && Object.hasOwn(ARRAY, value);

/** Whether a value is a typed array that can hold tensor data. */
export const isTypedArray = (value: unknown): value is TypedArray =>
  Object.values(ARRAY).some((Type) => value instanceof Type);

export function dtypeOf(data: TypedArray): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof Int32Array) return 'int32';
  return 'uint8';
}
