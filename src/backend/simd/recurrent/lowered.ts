import type { Graph } from '../../../graph/graph.js';
import { sizeOf } from '../../../graph/types.js';
import type { RecurrentAttrs, RecurrentStartAttrs } from '../../../ops/sequence/recurrent.js';
import type { VectorOperation } from '../operation.js';
import type { KernelPool } from '../pool.js';
import { recurrent, recurrentGrad, type Sequence } from './recurrent.js';

/** The layer that a node computes, or whose gradients it computes. */
export function layerOf({ nodes }: Graph, i: number): Sequence {
  const { op, inputs, attrs } = nodes[i]!;
  const { cell, reverse } = attrs as RecurrentAttrs;
  const [length, count] = nodes[inputs[0]!]!.shape as [number, number];
  const size = nodes[inputs[op === 'recurrent' ? 1 : 2]!]!.shape[1]!;
  return { cell, reverse, length, count, size };
}

/** What computes a node of a recurrent layer; undefined if it has no elements. */
export function recurrentOperation(
  graph: Graph,
  i: number,
): ((pool: KernelPool) => VectorOperation) | undefined {
  const { op, attrs, shape } = graph.nodes[i]!;
  if (sizeOf(shape) === 0) return undefined;
  const layer = layerOf(graph, i);
  return op === 'recurrent'
    ? (pool) => recurrent(pool, layer)
    : (pool) => recurrentGrad(pool, layer, (attrs as Partial<RecurrentStartAttrs>).of ?? 'grads');
}
