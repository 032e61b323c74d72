import type { GraphNode } from '../../../graph/graph.js';
import type { Cluster } from '../../plan/fusion.js';
import { type Lowerings, lowerNode } from '../../plan/lower.js';
import { scriptOf } from '../../plan/scripted.js';
import { VECTOR_OPERATIONS } from '../../simd/nodes.js';
import { geluDerivative } from '../activations.js';
import type { OneDnnBuilder } from '../builder.js';
import { lowerConcat, lowerSlice } from './channels.js';
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
  lowerVaryingAffine,
} from './elementwise.js';
import { lowerSumEnd, lowerSumStart } from './exchange.js';
import { lowerGelu, lowerGeluGrad } from './gelu.js';
import { lowerLayerNormGrad, lowerNormalizeRows, lowerNormalizeRowsGrad } from './layer-norm.js';
import { lowerLinear, lowerLinearGradInput, lowerLinearGradWeight } from './linear.js';
import { lowerLrn, lowerLrnGrad } from './lrn.js';
import { lowerLeftMatmul, lowerMatmul } from './matmul.js';
import { lowerCopyParts, lowerIndexSelect, lowerPermute } from './move.js';
import { lowerBatchNorm, lowerBatchNormGrad, lowerBatchNormTrain, lowerBatchStats } from './norm.js';
import { lowerAvgPool, lowerAvgPoolGrad, lowerMaxPool, lowerMaxPoolGrad } from './pool.js';
import { lowerRecurrent } from './recurrent/recurrent.js';
import { lowerLogSoftmax, lowerSoftmax, lowerSoftmaxGrad } from './softmax.js';
import { lowerVectors } from './vectors.js';

const operations: Lowerings<OneDnnBuilder>['operations'] = {
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
  gelu: lowerGelu,
  affine: lowerAffine,
  'affine*': lowerVaryingAffine,
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
  ...Object.fromEntries(VECTOR_OPERATIONS.map((op) => [op, lowerVectors])),
  concat: lowerConcat,
  slice: lowerSlice,
  'slice*': lowerSlice,
  copyParts: lowerCopyParts,
  indexSelect: lowerIndexSelect,
  permute: lowerPermute,
  softmax: lowerSoftmax,
  logSoftmax: lowerLogSoftmax,
  recurrent: lowerRecurrent,
  recurrentGrad: lowerRecurrent,
  recurrentGradStart: lowerRecurrent,
  sumStart: lowerSumStart,
  sumEnd: lowerSumEnd,
};

const lowerings: Lowerings<OneDnnBuilder> = { operations, cluster: lowerGroup, scripted: lowerScripted };

/** Adds the steps that compute a node. */
export const lower = (b: OneDnnBuilder, i: number): void => lowerNode(b, i, lowerings);

/** One primitive for all of it, or for a single node, in any layout; others become a vector kernel. */
function lowerGroup(b: OneDnnBuilder, cluster: Cluster): boolean {
  if (lowerLayerNormGrad(b, cluster) || lowerSoftmaxGrad(b, cluster)) return true;
  const [first, ...others] = cluster.nodes as readonly [number, ...number[]];
  const node = b.node(first);
  if (others.length === 0 && !prefersVectors(b, node) && operations[node.op]?.(b, first)) return true;
  return lowerPair(b, cluster) || lowerCluster(b, cluster);
}

/** Lowers two nodes that one primitive computes. */
function lowerPair(b: OneDnnBuilder, { nodes }: Cluster): boolean {
  const product = nodes.at(-1)!;
  const derivative = nodes.length === 2 ? geluDerivative(b.graph, product) : undefined;
  return derivative !== undefined && lowerGeluGrad(b, derivative, product);
}

/**
 * Whether a vector kernel is better than a primitive: where the lowering would be a loop in TypeScript, and after a
 * vector kernel that computes an input, with which it becomes one step.
 */
const prefersVectors = (b: OneDnnBuilder, { op, inputs }: GraphNode): boolean =>
  op === 'clamp' || followsVectors(b, inputs);

/** Runs the reference engine's kernel on row-major copies. */
function lowerScripted(b: OneDnnBuilder, i: number): void {
  const forms = b.node(i).inputs.map((input) => b.plainForm(input));
  const output = b.newPlainForm(i);
  b.emitScript(i, forms, output, scriptOf(b.graph, i, b.numbers), 'typescript');
  b.define(i, output);
}
