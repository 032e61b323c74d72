import type { GraphNode } from '../../../graph/graph.js';
import { isAlias } from '../../plan/describe.js';
import { scriptOf } from '../../plan/scripted.js';
import type { Builder } from '../builder.js';
import { followsVectors, lowerCluster } from './cluster.js';
import { lowerConv2d, lowerConv2dGradInput, lowerConv2dGradWeight } from './conv.js';
import {
  lowerActivation,
  lowerActivationGrad,
  lowerAddScaled,
  lowerAffine,
  lowerBinary,
  lowerChannelAffine,
  lowerClamp,
  lowerRound,
  lowerSumOfSquares,
} from './elementwise.js';
import { lowerLinear, lowerLinearGradInput, lowerLinearGradWeight } from './linear.js';
import { lowerLeftMatmul, lowerMatmul } from './matmul.js';
import { lowerPermute } from './move.js';
import {
  lowerBatchNorm,
  lowerBatchNormGrad,
  lowerBatchNormTrain,
  lowerBatchStats,
  lowerLogSoftmax,
  lowerLrn,
  lowerLrnGrad,
  lowerNormalizeRows,
  lowerNormalizeRowsGrad,
  lowerSoftmax,
} from './norm.js';
import { lowerAvgPool, lowerAvgPoolGrad, lowerMaxPool, lowerMaxPoolGrad } from './pool.js';

/**
 * Turns one node into steps. Returns false if it does not apply (an even LRN window, say); the node then runs as a
 * TypeScript kernel.
 */
export type Lowering = (b: Builder, i: number) => boolean;

const lowerings: Readonly<Record<string, Lowering>> = {
  conv2d: lowerConv2d,
  conv2dGradInput: lowerConv2dGradInput,
  conv2dGradWeight: lowerConv2dGradWeight,
  linear: lowerLinear,
  linearGradInput: lowerLinearGradInput,
  linearGradWeight: lowerLinearGradWeight,
  matmul: lowerMatmul,
  leftMatmul: lowerLeftMatmul,
  relu: lowerActivation,
  leakyRelu: lowerActivation,
  tanh: lowerActivation,
  sigmoid: lowerActivation,
  reluGrad: lowerActivationGrad,
  leakyReluGrad: lowerActivationGrad,
  tanhGrad: lowerActivationGrad,
  sigmoidGrad: lowerActivationGrad,
  affine: lowerAffine,
  channelAffine: lowerChannelAffine,
  clamp: lowerClamp,
  sumOfSquares: lowerSumOfSquares,
  roundToByte: lowerRound,
  add: lowerBinary,
  sub: lowerBinary,
  mul: lowerBinary,
  div: lowerBinary,
  addScaled: lowerAddScaled,
  maxPool2d: lowerMaxPool,
  maxPool2dGrad: lowerMaxPoolGrad,
  avgPool2d: lowerAvgPool,
  avgPool2dGrad: lowerAvgPoolGrad,
  localResponseNorm: lowerLrn,
  localResponseNormGrad: lowerLrnGrad,
  batchNorm: lowerBatchNorm,
  batchNormTrain: lowerBatchNormTrain,
  batchStats: lowerBatchStats,
  batchNormTrainGrad: lowerBatchNormGrad,
  normalizeRows: lowerNormalizeRows,
  normalizeRowsGrad: lowerNormalizeRowsGrad,
  permute: lowerPermute,
  softmax: lowerSoftmax,
  logSoftmax: lowerLogSoftmax,
};

export function lower(b: Builder, i: number): void {
  const node = b.node(i);
  if (b.done.has(i)) {
    b.release(i);
    return;
  }
  if (isAlias(node)) {
    // The same elements in the same order: the node shares all forms of its input.
    b.values[i] = b.value(node.inputs[0]!);
    return;
  }
  if (b.absorbed.has(i)) return;
  const cluster = b.clusters.get(i);
  if (!cluster) lowerNode(b, i);
  else if (cluster.nodes.length === 1 && !prefersVectors(b, node) && lowerings[node.op]?.(b, i)) {
    // One primitive, in any layout.
  } else if (!lowerCluster(b, cluster)) for (const member of cluster.nodes) lowerNode(b, member);
  for (const member of cluster?.nodes ?? [i]) b.release(member);
}

/**
 * Whether a vector kernel is better than a primitive: where the lowering would be a loop in TypeScript, and after a
 * vector kernel that computes an input, with which it becomes one step.
 */
const prefersVectors = (b: Builder, { op, inputs }: GraphNode): boolean =>
  op === 'clamp' || followsVectors(b, inputs);

function lowerNode(b: Builder, i: number): void {
  const node = b.node(i);
  if (node.dtype !== 'float64' && lowerings[node.op]?.(b, i)) return;
  lowerScripted(b, i);
}

/** Runs the reference engine's kernel on row-major copies. */
function lowerScripted(b: Builder, i: number): void {
  const forms = b.node(i).inputs.map((input) => b.plainForm(input));
  const output = b.newPlainForm(i);
  b.emitScript(i, forms, output, scriptOf(b.graph, i), 'typescript');
  b.define(i, output);
}
