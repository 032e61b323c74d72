import type { Epilogue } from './epilogue.js';

/** Strides of a matrix, in elements. */
export interface Strides {
  /** The first element. */
  readonly offset?: number;
  readonly row: number;
  readonly column: number;
  /** From one matrix of a batch to the next, along the batch's two dimensions; 0 where all use the same matrix. */
  readonly batch?: readonly [outer: number, inner: number];
}

/** C = activation(alpha · A · B + beta · C + bias), for every matrix of a batch. */
export interface Product extends Epilogue {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** m × k. Swap the strides to read the matrix transposed. */
  readonly a: Strides;
  /** k × n. */
  readonly b: Strides;
  /** m × n; one of its strides is 1, and its first element is the operand's. */
  readonly c: Strides;
  /** Sizes of the batch's two dimensions. */
  readonly batch?: readonly [outer: number, inner: number];
  readonly alpha?: number;
  /** C is not read if it is 0. */
  readonly beta?: number;
  /** Numbers by which the elements of A and of B are multiplied before the products are computed. */
  readonly factors?: readonly [a: number, b: number];
  /** The operand that several runs use unchanged: it is packed as a whole, as the operation's preparation. */
  readonly constant?: 'a' | 'b';
}
