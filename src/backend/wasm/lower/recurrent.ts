import { recurrentOperation } from '../../simd/recurrent/lowered.js';
import type { WasmBuilder } from '../builder.js';
import { emitApart } from './operation.js';

/** A recurrent layer, or its gradients. */
export function lowerRecurrent(b: WasmBuilder, i: number): boolean {
  const build = recurrentOperation(b.graph, i);
  return build !== undefined && emitApart(b, i, build(b.pool));
}
