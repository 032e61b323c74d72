import { CheckpointError } from '../errors/errors.js';
import { type DType, sizeOf } from '../graph/types.js';
import { fromBfloat16, fromFloat16 } from './half.js';

/** Typed array of each dtype in files of weights; 16-bit floats are stored as their bits. */
export const ARRAYS = {
  BOOL: Uint8Array,
  U8: Uint8Array,
  I8: Int8Array,
  U16: Uint16Array,
  I16: Int16Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  U32: Uint32Array,
  I32: Int32Array,
  F32: Float32Array,
  U64: BigUint64Array,
  I64: BigInt64Array,
  F64: Float64Array,
} as const;

/** A dtype, by its name in safetensors files. */
export type NumberFormat = keyof typeof ARRAYS;

/** The format that stores each type of tensors exactly. */
export const FORMAT_OF = {
  float32: 'F32',
  float64: 'F64',
  int32: 'I32',
  uint8: 'U8',
} as const satisfies Record<DType, NumberFormat>;

/** An array of a file of weights as stored, row-major; `data.length` is the product of the shape. */
export type FileArray =
  | { dtype: 'BOOL' | 'U8'; shape: number[]; data: Uint8Array }
  | { dtype: 'I8'; shape: number[]; data: Int8Array }
  | { dtype: 'U16' | 'F16' | 'BF16'; shape: number[]; data: Uint16Array }
  | { dtype: 'I16'; shape: number[]; data: Int16Array }
  | { dtype: 'U32'; shape: number[]; data: Uint32Array }
  | { dtype: 'I32'; shape: number[]; data: Int32Array }
  | { dtype: 'F32'; shape: number[]; data: Float32Array }
  | { dtype: 'U64'; shape: number[]; data: BigUint64Array }
  | { dtype: 'I64'; shape: number[]; data: BigInt64Array }
  | { dtype: 'F64'; shape: number[]; data: Float64Array };

/** Dtype and shape of an array in a file. */
export interface ArrayInfo {
  readonly dtype: NumberFormat;
  readonly shape: readonly number[];
}

/** Number of elements of a shape; 1 for a scalar. Inexact beyond 2^53. */
export const countOf = ({ shape }: Pick<ArrayInfo, 'shape'>): number => sizeOf(shape);

/** Size of an element in bytes. */
export const widthOf = ({ dtype }: Pick<ArrayInfo, 'dtype'>): number => ARRAYS[dtype].BYTES_PER_ELEMENT;

/** The bytes of an array, without copying. */
export const viewBytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

/**
 * Checks that a writer got all bytes of a tensor: otherwise whatever follows it would be misplaced.
 * @param left bytes of its shape that have not come; negative if there were too many
 * @throws CheckpointError
 */
export function checkWhole(what: string, left: number): void {
  if (left === 0) return;
  throw new CheckpointError({
    what: `${what} cannot be saved: its data is too ${left > 0 ? 'short' : 'long'}`,
    expected: 'as many bytes as its shape and dtype have',
    got: `${Math.abs(left)} bytes too ${left > 0 ? 'few' : 'many'}`,
  });
}

/** Allocates an array, to be filled through `viewBytes(array.data)`. */
export function blank(dtype: NumberFormat, shape: readonly number[]): FileArray {
  return { dtype, shape: [...shape], data: new ARRAYS[dtype](countOf({ shape })) } as FileArray;
}

/**
 * Converts an array to floating point for a model: 16-bit floats become float32, exactly; integers become float64,
 * rounded beyond 2^53.
 */
export function floats(array: FileArray): Float32Array | Float64Array {
  const { dtype, data } = array;
  if (dtype === 'F32' || dtype === 'F64') return data;
  if (dtype === 'F16') return fromFloat16(data);
  if (dtype === 'BF16') return fromBfloat16(data);
  return Float64Array.from(data as ArrayLike<number | bigint>, Number);
}
