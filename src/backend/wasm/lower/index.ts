import { sizeOf } from '../../../graph/types.js';
import { type Lowerings, lowerNode } from '../../plan/lower.js';
import { scriptOf } from '../../plan/scripted.js';
import { VECTOR_OPERATIONS, vectorOperation } from '../../simd/nodes.js';
import type { WasmBuilder } from '../builder.js';
import { STRIDED_MATMUL } from '../products.js';
import { lowerCluster } from './cluster.js';
import { lowerConv2d, lowerConv2dGradInput, lowerConv2dGradWeight } from './conv.js';
import {
  lowerLeftMatmul,
  lowerLinear,
  lowerLinearGradInput,
  lowerLinearGradWeight,
  lowerMatmul,
  lowerStridedMatmul,
} from './matrix.js';
import {
  lowerBatchNorm,
  lowerBatchNormGradGamma,
  lowerBatchNormTrain,
  lowerBatchNormTrainGrad,
  lowerBatchStats,
  lowerLogSoftmax,
  lowerLrn,
  lowerLrnGrad,
  lowerNormalizeRows,
  lowerNormalizeRowsGrad,
  lowerSoftmax,
} from './norm.js';
import { emitApart } from './operation.js';
import {
  lowerAdaptivePool,
  lowerAdaptivePoolGrad,
  lowerAvgPool,
  lowerAvgPoolGrad,
  lowerMaxPool,
  lowerMaxPoolGrad,
} from './pool.js';
import { lowerRecurrent } from './recurrent.js';

function lowerVectors(b: WasmBuilder, i: number): boolean {
  const operation = vectorOperation(b.pool, b.graph, i, b.numbers);
  return operation !== undefined && emitApart(b, i, operation);
}

const operations: Lowerings<WasmBuilder>['operations'] = {
  conv2d: lowerConv2d,
  conv2dGradInput: lowerConv2dGradInput,
  conv2dGradWeight: lowerConv2dGradWeight,
  matmul: lowerMatmul,
  [STRIDED_MATMUL]: lowerStridedMatmul,
  leftMatmul: lowerLeftMatmul,
  linear: lowerLinear,
  linearGradInput: lowerLinearGradInput,
  linearGradWeight: lowerLinearGradWeight,
  maxPool2d: lowerMaxPool,
  maxPool2dGrad: lowerMaxPoolGrad,
  avgPool2d: lowerAvgPool,
  avgPool2dGrad: lowerAvgPoolGrad,
  adaptiveAvgPool2d: lowerAdaptivePool,
  adaptiveAvgPool2dGrad: lowerAdaptivePoolGrad,
  localResponseNorm: lowerLrn,
  localResponseNormGrad: lowerLrnGrad,
  batchStats: lowerBatchStats,
  batchNorm: lowerBatchNorm,
  batchNormTrain: lowerBatchNormTrain,
  batchNormTrainGrad: lowerBatchNormTrainGrad,
  batchNormGradGamma: lowerBatchNormGradGamma,
  normalizeRows: lowerNormalizeRows,
  normalizeRowsGrad: lowerNormalizeRowsGrad,
  softmax: lowerSoftmax,
  logSoftmax: lowerLogSoftmax,
  recurrent: lowerRecurrent,
  recurrentGrad: lowerRecurrent,
  recurrentGradStart: lowerRecurrent,
  ...Object.fromEntries(VECTOR_OPERATIONS.map((op) => [op, lowerVectors])),
};

const lowerings: Lowerings<WasmBuilder> = { operations, cluster: lowerCluster, scripted: lowerScripted };

/** Adds the steps that compute a node. */
export const lower = (b: WasmBuilder, i: number): void => lowerNode(b, i, lowerings);

/** Runs the reference engine's kernel. */
function lowerScripted(b: WasmBuilder, i: number): void {
  const { inputs, shape } = b.node(i);
  if (sizeOf(shape) === 0) {
    b.define(i, b.newRegion(i));
    return;
  }
  const script = scriptOf(b.graph, i, b.numbers);
  const reads = inputs.map((input) => b.regionOf(input));
  b.emitNode([i], reads, b.placeApart(i), 'typescript', (addresses) => {
    const arrays = [...inputs, i].map((n, k) => {
      const { dtype, shape } = b.node(n);
      return b.memory.array(dtype, addresses[k]!, sizeOf(shape));
    });
    const [output] = arrays.splice(-1);
    return () => script(arrays, output!);
  });
}
