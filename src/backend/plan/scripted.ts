import type { Graph } from '../../graph/graph.js';
import type { TypedArray } from '../../graph/types.js';
import { kernelOf } from '../reference/kernels.js';

/**
 * The reference engine's kernel of a node, for row-major inputs and output.
 *
 * @param numbers values of the graph's numbers in float64, which the kernel reads instead of those in memory
 */
export function scriptOf(
  { nodes }: Graph,
  i: number,
  numbers: ReadonlyMap<number, TypedArray>,
): (inputs: readonly TypedArray[], output: TypedArray) => void {
  const { op, inputs, attrs, shape, dtype } = nodes[i]!;
  const kernel = kernelOf(op)!;
  const specs = inputs.map((input) => ({ shape: nodes[input]!.shape, dtype: nodes[input]!.dtype }));
  const outputSpec = { shape, dtype };
  const exact = inputs.map((input) => numbers.get(input));
  return (ins, output) =>
    kernel({ inputs: ins.map((values, k) => exact[k] ?? values), specs, output, outputSpec, attrs });
}
