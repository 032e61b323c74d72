import { kernelOf } from '../../src/backend/reference/kernels.js';
import { buildGraph, type Graph } from '../../src/graph/graph.js';
import type { Node } from '../../src/graph/node.js';
import { isFloat, makeArray, type Shape, sizeOf, type TypedArray } from '../../src/graph/types.js';
import { hasMeans, normaliseRoundly } from './means.js';
import { valuesOf } from './program.js';

/** Operations that move, select or compare values: their results are exact. */
const WITHOUT_ROUNDING = new Set([
  'reshape',
  'detach',
  'custom',
  'permute',
  'broadcastTo',
  'crop',
  'negateOffsets',
  'flip',
  'relu',
  'clamp',
  'abs',
  'neg',
  'sign',
  'equal',
  'max',
  'maxPool2d',
  'argmax',
  'topKCorrect',
  'roundToByte',
  'cast',
  'dropoutMask',
  'floor',
  'less',
  'maximum',
  'minimum',
  'where',
  'concat',
  'indexSelect',
  'slice',
  'place',
  'gather',
  'argsort',
  'oneHot',
  'hardtanh',
]);

/** Operations that subtract a gradient's mean and slope from it, which may cancel almost completely. */
const CANCELS = new Set(['batchNormTrainGrad', 'normalizeRowsGrad']);

/** Linear layers with fewer weights always use float32. */
const LARGE = 2 ** 18;

/** Whether a device with precision bfloat16 may use it for an operation with these shapes. */
export function mayUseBfloat16(op: string, inputs: readonly Shape[], output: Shape): boolean {
  if (op.startsWith('conv')) return true;
  if (!op.startsWith('linear')) return false;
  const weights = op === 'linearGradWeight' ? output : inputs[1]!;
  return sizeOf(weights) >= LARGE;
}

/** Random relative perturbation of all values, to measure the effect of rounding. */
export interface Disturbance {
  readonly seed: number;
  /** Relative size of one rounding error. */
  readonly one: number;
  /** The same after an operation in bfloat16; undefined if the device does not use bfloat16. */
  readonly coarse: number | undefined;
}

/** Computes nodes with the reference kernels. */
export function evaluateNodes(roots: readonly Node[], disturbance?: Disturbance): TypedArray[] {
  const { graph, feeds } = buildGraph(roots, []);
  const values: TypedArray[] = [];
  const coarse = disturbance?.coarse === undefined ? undefined : coarseOf(graph);
  graph.feeds.forEach((at, i) => {
    values[at] = feeds[i] as TypedArray;
  });
  let salt = 0;
  graph.nodes.forEach((node, at) => {
    if (node.inputs.length === 0) return;
    const size = WITHOUT_ROUNDING.has(node.op)
      ? 0
      : coarse?.[at]
        ? disturbance!.coarse!
        : (disturbance?.one ?? 0);
    const changed = (array: TypedArray): TypedArray =>
      size === 0 || !(array instanceof Float64Array)
        ? array
        : disturbed(array, size, disturbance!.seed * 7919 + salt++);
    const compute = (inputs: TypedArray[]): TypedArray => {
      const output = makeArray(node.dtype, sizeOf(node.shape));
      if (disturbance && hasMeans(node.op)) {
        // The inputs of gradients begin with the gradient of the result.
        const x = node.inputs[node.op.includes('Grad') ? 1 : 0]!;
        // Sums are computed in float32 also where elements are bfloat16.
        const rounding = { size: disturbance.one, seed: disturbance.seed * 6151 + salt++ };
        normaliseRoundly(node.op, inputs, graph.nodes[x]!.shape, node.attrs, output, rounding);
        return output;
      }
      kernelOf(node.op === 'detach' ? 'reshape' : node.op)!({
        inputs,
        specs: node.inputs.map((input) => graph.nodes[input]!),
        output,
        outputSpec: node,
        attrs: node.attrs,
      });
      return output;
    };
    const output = compute(node.inputs.map((input) => changed(values[input]!)));
    if (size > 0 && CANCELS.has(node.op)) {
      // Rounding errors are relative to the terms, not to the result of their cancellation.
      const [first, ...others] = node.inputs.map((input) => values[input]!) as [TypedArray, ...TypedArray[]];
      const parts = compute([disturbed(first, 2, disturbance!.seed * 104729 + salt++), ...others]);
      const noise = disturbed(parts, size, disturbance!.seed * 7919 + salt++);
      output.forEach((_, i) => {
        output[i]! += noise[i]! - parts[i]!;
      });
    }
    values[at] = changed(output);
  });
  return graph.outputs.map((at) => values[at]!);
}

function disturbed(array: TypedArray, size: number, seed: number): TypedArray {
  const factors = valuesOf({ seed, low: -size, high: size }, 'float64', array.length);
  return factors.map((f, i) => array[i]! * (1 + f)) as TypedArray;
}

/** Whether each node depends on an operation in bfloat16. */
function coarseOf(graph: Graph): boolean[] {
  const coarse: boolean[] = [];
  graph.nodes.forEach((node, at) => {
    const inputs = node.inputs.map((input) => graph.nodes[input]!.shape);
    coarse[at] =
      isFloat(node.dtype) &&
      node.inputs.length > 0 &&
      (node.inputs.some((input) => coarse[input]) || mayUseBfloat16(node.op, inputs, node.shape));
  });
  return coarse;
}
