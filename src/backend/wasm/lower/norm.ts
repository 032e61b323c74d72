import { sizeOf } from '../../../graph/types.js';
import type { LrnAttrs } from '../../../ops/norm/local-response-norm.js';
import {
  batchNorm,
  batchNormGradGamma,
  batchNormTrain,
  batchNormTrainGrad,
  batchStats,
  type Channels,
  normalizeRows,
  normalizeRowsGrad,
  type Rows,
} from '../../simd/norm/batch.js';
import {
  type LocalResponse,
  localResponseNorm,
  localResponseNormGrad,
} from '../../simd/norm/local-response.js';
import { type Along, alongOf, logSoftmax, softmax } from '../../simd/norm/softmax.js';
import type { VectorOperation } from '../../simd/operation.js';
import type { KernelPool } from '../../simd/pool.js';
import type { WasmBuilder } from '../builder.js';
import { emitApart } from './operation.js';

function localResponse(b: WasmBuilder, i: number): LocalResponse {
  const { shape, attrs } = b.node(i);
  const { size, alpha, beta, k } = attrs as unknown as LrnAttrs;
  return { images: shape[0]!, channels: shape[1]!, area: sizeOf(shape.slice(2)), size, alpha, beta, k };
}

export const lowerLrn = (b: WasmBuilder, i: number): boolean =>
  emitApart(b, i, localResponseNorm(b.pool, localResponse(b, i)));

export const lowerLrnGrad = (b: WasmBuilder, i: number): boolean =>
  emitApart(b, i, localResponseNormGrad(b.pool, localResponse(b, i)));

/**
 * Makes a lowering for an operation of batch normalisation.
 * @param x index of the input whose channels are normalised
 */
const channelwise =
  (build: (pool: KernelPool, shape: Channels) => VectorOperation, x = 0) =>
  (b: WasmBuilder, i: number): boolean => {
    const { inputs, attrs } = b.node(i);
    const { shape } = b.node(inputs[x]!);
    const { eps = 0 } = attrs as { eps?: number };
    const sizes = { images: shape[0]!, channels: shape[1]!, area: sizeOf(shape.slice(2)), eps };
    return emitApart(b, i, build(b.pool, sizes));
  };
export const lowerBatchStats = channelwise(batchStats);
export const lowerBatchNorm = channelwise(batchNorm);
export const lowerBatchNormTrain = channelwise(batchNormTrain);
export const lowerBatchNormTrainGrad = channelwise(batchNormTrainGrad, 1);
export const lowerBatchNormGradGamma = channelwise(batchNormGradGamma, 1);

const rowwise =
  (build: (pool: KernelPool, shape: Rows) => VectorOperation) =>
  (b: WasmBuilder, i: number): boolean => {
    const { shape, attrs } = b.node(i);
    return emitApart(b, i, build(b.pool, { rows: shape[0]!, length: shape[1]!, eps: attrs.eps as number }));
  };
export const lowerNormalizeRows = rowwise(normalizeRows);
export const lowerNormalizeRowsGrad = rowwise(normalizeRowsGrad);

const alongAxis =
  (build: (pool: KernelPool, shape: Along) => VectorOperation) =>
  (b: WasmBuilder, i: number): boolean => {
    const { shape, attrs } = b.node(i);
    return emitApart(b, i, build(b.pool, alongOf(shape, attrs.axis as number)));
  };
export const lowerSoftmax = alongAxis(softmax);
export const lowerLogSoftmax = alongAxis(logSoftmax);
