import type { Graph } from '../../../graph/graph.js';
import { sizeOf } from '../../../graph/types.js';
import type { RecurrentAttrs, RecurrentStartAttrs } from '../../../ops/sequence/recurrent.js';
import type { VectorOperation } from '../operation.js';
import type { KernelPool } from '../pool.js';
import { recurrent, recurrentGrad } from './recurrent.js';

/** What computes a node of a recurrent layer; undefined if it has no elements. */
export function recurrentOperation(
  { nodes }: Graph,
  i: number,
): ((pool: KernelPool) => VectorOperation) | undefined {
  const { op, inputs, attrs, shape } = nodes[i]!;
  if (sizeOf(shape) === 0) return undefined;
  const { cell, reverse, of } = attrs as RecurrentAttrs & Partial<RecurrentStartAttrs>;
  const [length, count] = nodes[inputs[0]!]!.shape as [number, number];
  const size = nodes[inputs[op === 'recurrent' ? 1 : 2]!]!.shape[1]!;
  const layer = { cell, reverse, length, count, size };
  return op === 'recurrent'
    ? (pool) => recurrent(pool, layer)
    : (pool) => recurrentGrad(pool, layer, of ?? 'grads');
}
