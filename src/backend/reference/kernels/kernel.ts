import type { Attrs, Spec, TypedArray } from '../../../graph/types.js';

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

/** Copies the input, converting the element type if the output's differs. */
export const copy: Kernel = ({ inputs: [x], output }) => output.set(x!);
