import type { Attrs, Shape, Spec, TypedArray } from '../../../graph/types.js';

/** One evaluation of one operation: row-major inputs, and an output whose old contents mean nothing. */
export interface KernelCall {
  readonly inputs: readonly TypedArray[];
  readonly specs: readonly Spec[];
  readonly output: TypedArray;
  readonly outputSpec: Spec;
  readonly attrs: Attrs;
}

/** Computes an operation. Sums are kept in float64, whatever the element type. */
export type Kernel = (call: KernelCall) => void;

/** A shape seen from one of its axes: everything before, the axis, everything after. */
export function around(shape: Shape, axis: number): { outer: number; length: number; inner: number } {
  let outer = 1;
  let inner = 1;
  for (let i = 0; i < axis; i++) outer *= shape[i]!;
  for (let i = axis + 1; i < shape.length; i++) inner *= shape[i]!;
  return { outer, length: shape[axis]!, inner };
}

/** Copies an input as it is, converting the element type where the output's is another. */
export const copy: Kernel = ({ inputs: [x], output }) => output.set(x!);
