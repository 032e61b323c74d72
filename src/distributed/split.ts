import { UsageError } from '../errors/errors.js';
import { dtypeOf, makeArray, showShape, sizeOf, type TypedArray } from '../graph/types.js';
import type { Module } from '../nn/module.js';

/** Values in row-major order. */
interface Values {
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

/** A model whose tensors are divided over ranks, which all compute the same batches. */
export interface SplitModel {
  /** This rank's part, whose tensors have the names of the whole model's. */
  readonly model: Module;
  /** The dimension along which a tensor is divided, in the order of ranks; all ranks have a tensor that is not here. */
  readonly dims: ReadonlyMap<string, number>;
}

/** Cuts whole tensors into the parts of ranks, and joins the parts. */
export class Split {
  readonly #dims: ReadonlyMap<string, number>;

  constructor(
    dims: ReadonlyMap<string, number>,
    readonly ranks: number,
    readonly rank: number,
  ) {
    this.#dims = dims;
  }

  /**
   * The dimension along which a tensor is divided; undefined if all ranks have all of it.
   * @param key name of a tensor of the model, perhaps after words that end with a dot, as in `momentum.fc.weight`
   */
  dimOf(key: string): number | undefined {
    for (let at = 0; ; ) {
      const dim = this.#dims.get(key.slice(at));
      const dot = key.indexOf('.', at);
      if (dim !== undefined || dot < 0) return dim;
      at = dot + 1;
    }
  }

  /** @throws UsageError if the ranks do not divide a tensor of this name and shape */
  check(key: string, shape: readonly number[]): void {
    const dim = this.dimOf(key);
    if (dim === undefined || (shape[dim] ?? 1) % this.ranks === 0) return;
    throw new UsageError({
      what: `${key} cannot be divided over ${this.ranks} ranks`,
      expected: `a dimension ${dim} that ${this.ranks} divides`,
      got: showShape(shape),
      next: 'choose another number of units, or leave --parallel out',
    });
  }

  /** This rank's part of a tensor. @throws UsageError if the ranks do not divide it */
  part<T extends Values>(key: string, whole: T): T {
    const dim = this.dimOf(key);
    if (dim === undefined) return whole;
    const { ranks, rank } = this;
    const { shape, data } = whole;
    this.check(key, shape);
    const own = new (data.constructor as new (length: number) => ArrayBufferView)(sizeOf(shape) / ranks);
    const [from, to] = [bytesOf(data), bytesOf(own)];
    const blocks = sizeOf(shape.slice(0, dim));
    const length = to.length / blocks;
    for (let i = 0; i < blocks; i++) {
      const at = (i * ranks + rank) * length;
      to.set(from.subarray(at, at + length), i * length);
    }
    return { ...whole, shape: shape.map((n, i) => (i === dim ? n / ranks : n)), data: own };
  }

  /** The whole of all ranks' parts. @param shape of one part */
  join<T extends TypedArray>(
    dim: number,
    shape: readonly number[],
    parts: readonly T[],
  ): { readonly shape: number[]; readonly data: T } {
    const data = makeArray(dtypeOf(parts[0]!), sizeOf(shape) * parts.length) as T;
    const length = sizeOf(shape.slice(dim));
    for (const [rank, part] of parts.entries())
      for (let i = 0; i * length < part.length; i++)
        data.set(part.subarray(i * length, (i + 1) * length), (i * parts.length + rank) * length);
    return { shape: shape.map((n, i) => (i === dim ? n * parts.length : n)), data };
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
