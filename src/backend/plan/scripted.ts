import type { Graph } from '../../graph/graph.js';
import type { TypedArray } from '../../graph/types.js';
import { kernelOf } from '../reference/kernels.js';

/** The reference engine's kernel of a node, for row-major inputs and output. */
export function scriptOf(
  { nodes }: Graph,
  i: number,
): (inputs: readonly TypedArray[], output: TypedArray) => void {
  const { op, inputs, attrs, shape, dtype } = nodes[i]!;
  const kernel = kernelOf(op)!;
  const specs = inputs.map((input) => ({ shape: nodes[input]!.shape, dtype: nodes[input]!.dtype }));
  const outputSpec = { shape, dtype };
  return (ins, output) => kernel({ inputs: ins, specs, output, outputSpec, attrs });
}
