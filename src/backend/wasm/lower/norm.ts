import { sizeOf } from '../../../graph/types.js';
import type { LrnAttrs } from '../../../ops/norm/local-response-norm.js';
import {
  type LocalResponse,
  localResponseNorm,
  localResponseNormGrad,
} from '../../simd/norm/local-response.js';
import type { Builder } from '../builder.js';
import { emitApart } from './operation.js';

function localResponse(b: Builder, i: number): LocalResponse {
  const { shape, attrs } = b.node(i);
  const { size, alpha, beta, k } = attrs as unknown as LrnAttrs;
  return { images: shape[0]!, channels: shape[1]!, area: sizeOf(shape.slice(2)), size, alpha, beta, k };
}

export const lowerLrn = (b: Builder, i: number): boolean =>
  emitApart(b, i, localResponseNorm(b.pool, localResponse(b, i)));

export const lowerLrnGrad = (b: Builder, i: number): boolean =>
  emitApart(b, i, localResponseNormGrad(b.pool, localResponse(b, i)));
