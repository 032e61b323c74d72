import { recurrentOperation } from '../../simd/recurrent/lowered.js';
import type { Builder } from '../builder.js';
import { emitVectors } from './vectors.js';

/** A recurrent layer, or its gradients. */
export function lowerRecurrent(b: Builder, i: number): boolean {
  const build = recurrentOperation(b.graph, i);
  return build !== undefined && emitVectors(b, i, build);
}
