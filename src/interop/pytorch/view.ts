import { isInteger } from '../../errors/arguments.js';
import {
  type ArrayInfo,
  blank,
  countOf,
  type FileArray,
  type NumberFormat,
  viewBytes,
  widthOf,
} from '../numbers.js';
import { PickleError } from './pickle.js';

/** A contiguous block of elements in a file, on which tensors are views. */
export interface Storage {
  readonly key: string;
  readonly dtype: NumberFormat;
  /** Index of the first element that may be used. */
  readonly first: number;
  readonly count: number;
  /** Reads bytes from byte offset `position` into `into`. */
  readonly bytes: (into: Uint8Array, position: number) => Promise<void>;
}

/** Maximum number of dimensions in PyTorch. */
const MAX_RANK = 64;

/** A tensor as described in a file: a strided view of a storage. Its elements are read on demand. */
export class TensorView implements ArrayInfo {
  readonly shape: readonly number[];
  readonly #strides: readonly number[];
  /** Byte offset of the first element in the storage. */
  readonly #begin: number;
  /** Number of storage elements from its first to its last, inclusive. */
  readonly #span: number;

  /** @throws PickleError for a shape or strides that are not valid, and for a view beyond its storage */
  constructor(
    readonly storage: Storage,
    readonly dtype: NumberFormat,
    offset: unknown,
    shape: unknown,
    strides: unknown,
  ) {
    if (!isSizes(shape) || !isSizes(strides) || shape.length !== strides.length || !isSizes([offset]))
      throw new PickleError('it has a tensor without a valid shape');
    this.shape = [...shape];
    this.#strides = [...strides];
    const width = widthOf(this);
    const last = shape.reduce((sum, size, i) => sum + Math.max(0, size - 1) * strides[i]!, 0);
    this.#span = shape.includes(0) ? 0 : last + 1;
    this.#begin = storage.first * widthOf(storage) + (offset as number) * width;
    const end = (offset as number) * width + this.#span * width;
    const count = countOf(this);
    if (!Number.isSafeInteger(end) || !Number.isSafeInteger(count * width))
      throw new PickleError('it has a tensor that is too large');
    if (end > storage.count * widthOf(storage))
      throw new PickleError(
        `it has a tensor [${shape}] that reaches ${end} bytes into a storage of ${storage.count * widthOf(storage)}`,
      );
  }

  /** Number of bytes to read for it. */
  get spanBytes(): number {
    return this.#span * widthOf(this);
  }

  get isContiguous(): boolean {
    let expected = 1;
    for (let i = this.shape.length - 1; i >= 0; i--) {
      if (this.shape[i] !== 1 && this.#strides[i] !== expected) return false;
      expected *= this.shape[i]!;
    }
    return true;
  }

  /** Reads the elements in row-major order. */
  async read(): Promise<FileArray> {
    const array = blank(this.dtype, this.shape);
    if (this.#span === 0) return array;
    if (this.isContiguous) {
      await this.storage.bytes(viewBytes(array.data), this.#begin);
      return array;
    }
    const source = blank(this.dtype, [this.#span]);
    await this.storage.bytes(viewBytes(source.data), this.#begin);
    gather(source.data, array.data, this.shape, this.#strides);
    return array;
  }
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MAX_RANK && value.every((n) => isInteger(n));
}

/** Copies a strided view into row-major order. */
function gather(
  source: FileArray['data'],
  target: FileArray['data'],
  shape: readonly number[],
  strides: readonly number[],
): void {
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < target.length; to++) {
    target[to] = source[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}
