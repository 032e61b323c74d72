import type { Graph } from '../../graph/graph.js';
import { type Attrs, sizeOf } from '../../graph/types.js';
import { Alg } from './api/dnnl.js';

const ACTIVATION: Readonly<Record<string, { alg: number; fromDst: number }>> = {
  relu: { alg: Alg.relu, fromDst: Alg.reluFromDst },
  leakyRelu: { alg: Alg.relu, fromDst: Alg.reluFromDst },
  tanh: { alg: Alg.tanh, fromDst: Alg.tanhFromDst },
  sigmoid: { alg: Alg.logistic, fromDst: Alg.logisticFromDst },
};

export const isActivation = (op: string): boolean => Object.hasOwn(ACTIVATION, op);

/** oneDNN's algorithm for an activation, and the algorithm that computes the gradient from the activation's result. */
export const activationOf = (op: string) => ACTIVATION[op.replace(/Grad$/, '')]!;

/** Slope of an activation for negative inputs, 0 but for LeakyReLU's. */
export const slopeOf = ({ alpha = 0 }: Attrs): number => alpha as number;

/** Below this many elements a vector kernel costs less than a call of the primitive for gelu. */
const SMALL_GELU = 2048;

/** Whether a node is a gelu that a primitive computes. */
export const isLargeGelu = ({ nodes }: Graph, i: number): boolean => {
  const { op, attrs, shape, dtype } = nodes[i]!;
  return op === 'gelu' && attrs.order === 0 && dtype === 'float32' && sizeOf(shape) >= SMALL_GELU;
};

/** The node of gelu's derivative that a product multiplies by the gradient dy, if one primitive can compute both. */
export function geluDerivative({ nodes }: Graph, i: number): number | undefined {
  const { op, inputs, shape, dtype } = nodes[i]!;
  if (op !== 'mul' || dtype !== 'float32' || sizeOf(shape) < SMALL_GELU) return undefined;
  const isDerivative = (n: number): boolean => nodes[n]!.op === 'gelu' && nodes[n]!.attrs.order === 1;
  const [derivative, ...others] = inputs.filter(isDerivative);
  if (derivative === undefined || others.length > 0) return undefined;
  return inputs.every((n) => sizeOf(nodes[n]!.shape) === sizeOf(shape)) ? derivative : undefined;
}

/** Below this many results, ReLU costs less than finding out whether the product may be NaN. */
const SMALL_PRODUCT = 2 ** 14;

/**
 * Whether a convolution or a linear layer applies this activation to its result as a post-op. ReLU of the library loses
 * NaN, so a pass over inputs and weights has to find it: that must be less than the pass over the result that it saves.
 */
export function isPostOp({ nodes }: Graph, i: number): boolean {
  const { op, inputs } = nodes[i]!;
  const product = nodes[inputs[0]!]!;
  if (!isActivation(op) || !appliesActivation(product.op)) return false;
  const [x, w] = product.inputs.map((input) => sizeOf(nodes[input]!.shape));
  const results = sizeOf(product.shape);
  return op !== 'relu' || (results >= SMALL_PRODUCT && x! + w! < 2 * results);
}

/** Whether an operation's primitive can apply an activation to its result as a post-op: see `fuse.ts`. */
export const appliesActivation = (op: string): boolean => op === 'conv2d' || op === 'linear';
