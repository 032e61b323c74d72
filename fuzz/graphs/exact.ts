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

/** A number type of factors of products, less exact than that of tensors. */
export type Narrow = 'bfloat16' | 'float16';

/** Relative size of one rounding error. */
const ROUNDING: Readonly<Record<Narrow, number>> = { bfloat16: 2 ** -8, float16: 2 ** -11 };

/** Operations and layers of several operations that contain matrix products. */
const PRODUCTS = new Set([
  'matmul',
  'resize',
  'recurrent',
  'rnnCell',
  'gruCell',
  'lstmCell',
  'rnnLayer',
  'gruLayer',
  'lstmLayer',
]);

/** Whether a device with this type may use it for an operation with these shapes. */
export function mayUse(narrow: Narrow, op: string, inputs: readonly Shape[], output: Shape): boolean {
  if (op.startsWith('conv')) return true;
  if (narrow === 'float16' && PRODUCTS.has(op)) return true;
  if (!op.startsWith('linear')) return false;
  const weights = op === 'linearGradWeight' ? output : inputs[1]!;
  return narrow === 'float16' || sizeOf(weights) >= LARGE;
}

/** Random relative perturbation of all values, to measure the effect of rounding. */
export interface Disturbance {
  readonly seed: number;
  /** Relative size of one rounding error. */
  readonly one: number;
  /** The type of the device's products, if it is less exact. */
  readonly narrow: Narrow | undefined;
}

/** Computes nodes with the reference kernels. */
export function evaluateNodes(roots: readonly Node[], disturbance?: Disturbance): TypedArray[] {
  const { graph, feeds } = buildGraph(roots, []);
  const values: TypedArray[] = [];
  const { narrow } = disturbance ?? {};
  const coarse = narrow && coarseOf(graph, narrow);
  graph.feeds.forEach((at, i) => {
    values[at] = feeds[i] as TypedArray;
  });
  let salt = 0;
  graph.nodes.forEach((node, at) => {
    if (node.inputs.length === 0) return;
    const size = WITHOUT_ROUNDING.has(node.op)
      ? 0
      : coarse?.[at]
        ? ROUNDING[narrow!]
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
        // Sums are computed in float32 also where elements are less exact.
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

/** Whether each node depends on a product in a less exact type. */
function coarseOf(graph: Graph, narrow: Narrow): boolean[] {
  const coarse: boolean[] = [];
  graph.nodes.forEach((node, at) => {
    const inputs = node.inputs.map((input) => graph.nodes[input]!.shape);
    coarse[at] =
      isFloat(node.dtype) &&
      node.inputs.length > 0 &&
      (node.inputs.some((input) => coarse[input]) || mayUse(narrow, node.op, inputs, node.shape));
  });
  return coarse;
}
