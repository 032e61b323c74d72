import type { Attrs, Shape, Spec, TypedArray } from '../../../graph/types.js';

/** Arguments of a kernel: row-major inputs, and an output array with undefined contents. */
export interface KernelCall {
  readonly inputs: readonly TypedArray[];
  readonly specs: readonly Spec[];
  readonly output: TypedArray;
  readonly outputSpec: Spec;
  readonly attrs: Attrs;
}

/** Computes an operation. Sums are accumulated in float64 for all element types. */
export type Kernel = (call: KernelCall) => void;

/** A shape as three dimensions: the product of the sizes before an axis, the axis, and the product after it. */
export function around(shape: Shape, axis: number): { outer: number; length: number; inner: number } {
  let outer = 1;
  let inner = 1;
  for (let i = 0; i < axis; i++) outer *= shape[i]!;
  for (let i = axis + 1; i < shape.length; i++) inner *= shape[i]!;
  return { outer, length: shape[axis]!, inner };
}

/** Strides of a row-major shape. */
export function stridesOf(shape: Shape): number[] {
  const strides = shape.map(() => 1);
  for (let d = shape.length - 2; d >= 0; d--) strides[d] = strides[d + 1]! * shape[d + 1]!;
  return strides;
}

/** Copies the input, converting the element type if the output's differs. */
export const copy: Kernel = ({ inputs: [x], output }) => output.set(x!);
