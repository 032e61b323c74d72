import type { Node } from '../../src/graph/node.js';
import {
  type Attrs,
  type DType,
  makeArray,
  type Shape,
  sizeOf,
  type TypedArray,
} from '../../src/graph/types.js';

/** The floating-point type of a program. */
export type Real = 'float32' | 'float64';

/** Contents of a leaf: uniform random numbers from a seed, or explicit values. */
export type Fill =
  | { readonly seed: number; readonly low: number; readonly high: number }
  | { readonly values: readonly number[] };

export interface Leaf {
  readonly shape: Shape;
  /** `real` stands for the program's floating-point type. */
  readonly dtype: 'real' | 'int32' | 'uint8';
  readonly fill: Fill;
  /** Whether it is stored on the device between runs, like a parameter; otherwise it is sent with each run. */
  readonly stored: boolean;
}

/** One operation on earlier values: `inputs` are positions among the leaves and, after them, the statements. */
export interface Statement {
  readonly kind: string;
  readonly inputs: readonly number[];
  readonly attrs: Attrs;
}

/** How a stored leaf changes at the end of a run. */
export type Change =
  /** p ← p − rate · gradient. */
  | { readonly leaf: number; readonly by: 'gradient' }
  /** m ← gradient + 0.5 · m, then p ← p − rate · m. */
  | { readonly leaf: number; readonly by: 'momentum'; readonly momentum: number }
  /** p ← a value of the same shape. */
  | { readonly leaf: number; readonly by: 'value'; readonly value: number };

/** A computation as plain data, which can be run on any device, printed, and shrunk. */
export interface Program {
  readonly real: Real;
  readonly leaves: readonly Leaf[];
  readonly body: readonly Statement[];
  /** Values that are compared. */
  readonly outputs: readonly number[];
  /** Terms of the loss; empty if nothing is differentiated. */
  readonly loss: readonly { readonly value: number; readonly as: 'weighted' | 'sum' | 'square' }[];
  /** Differentiates the sum of the weighted gradients once more. */
  readonly twice: boolean;
  readonly changes: readonly Change[];
}

/** Values of a fill, in the order of their positions. */
export function valuesOf(fill: Fill, dtype: DType, count: number): TypedArray {
  const array = makeArray(dtype, count);
  if ('values' in fill) {
    array.set(fill.values);
    return array;
  }
  const { seed, low, high } = fill;
  for (let i = 0; i < count; i++) {
    let h = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
    h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
    // Rounded to float32, so that all types begin with equal values.
    array[i] = Math.fround(low + ((high - low) * ((h ^ (h >>> 16)) >>> 0)) / 2 ** 32);
  }
  return array;
}

export const typeOf = (leaf: Leaf, real: Real): DType => (leaf.dtype === 'real' ? real : leaf.dtype);
export const leafValues = (leaf: Leaf, real: Real): TypedArray =>
  valuesOf(leaf.fill, typeOf(leaf, real), sizeOf(leaf.shape));

/** A kind of statement: how it is drawn at random, and how it is built as graph nodes. */
export interface Kind {
  readonly name: string;
  /** Adds a statement to a program that is being drawn; returns false if none fits. */
  draw(draw: import('./draw.js').Draw): boolean;
  make(inputs: readonly Node[], attrs: Attrs, real: Real): Node;
  /**
   * Whether the inputs are away from discontinuities and kinks of the operation, so that small differences of the inputs
   * cause small differences of results and gradients.
   * @param margin relative to the largest input
   */
  clear?(given: Given, margin: number): boolean;
  /** Discontinuous: its inputs must not be affected by the rounding of a less exact type. */
  readonly jumps?: boolean;
}

/** A statement with its values. */
export interface Given {
  readonly inputs: readonly TypedArray[];
  readonly shapes: readonly Shape[];
  readonly output: TypedArray;
  readonly attrs: Attrs;
  /** The kind of the statement that computed the first input, if any. */
  readonly before: string | undefined;
}
