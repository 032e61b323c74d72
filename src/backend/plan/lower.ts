import { sizeOf } from '../../graph/types.js';
import type { PlanBuilder } from './builder.js';
import { isAlias } from './describe.js';
import type { Cluster } from './fusion.js';

/** Adds the steps of one node. Returns false if it does not apply; the node then runs as a TypeScript kernel. */
export type Lowering<B> = (b: B, i: number) => boolean;

/** How an engine computes nodes. B is its builder. */
export interface Lowerings<B> {
  readonly operations: Readonly<Record<string, Lowering<B>>>;
  /** Computes a group of elementwise nodes together. Returns false if the nodes should be lowered one by one. */
  readonly cluster: (b: B, cluster: Cluster) => boolean;
  /** Runs the reference engine's kernel. */
  readonly scripted: (b: B, i: number) => void;
}

/** Adds the steps that compute a node, unless another node's steps compute it too. */
export function lowerNode<V, W extends object, B extends PlanBuilder<V, W>>(
  b: B,
  i: number,
  lowerings: Lowerings<B>,
): void {
  const node = b.node(i);
  if (b.done.has(i)) {
    b.release(i);
    return;
  }
  if (isAlias(node)) {
    b.values[i] = b.value(node.inputs[0]!);
    return;
  }
  if (b.absorbed.has(i)) return;
  const cluster = b.clusters.get(i);
  const nodes = cluster?.nodes ?? [i];
  if (!cluster || !lowerings.cluster(b, cluster)) for (const member of nodes) lowerOne(b, member, lowerings);
  for (const member of nodes) b.release(member);
}

/** Primitives and vector kernels take neither float64 nor results without elements. */
function lowerOne<V, W extends object, B extends PlanBuilder<V, W>>(
  b: B,
  i: number,
  { operations, scripted }: Lowerings<B>,
): void {
  const { op, dtype, shape } = b.node(i);
  if (dtype === 'float64' || sizeOf(shape) === 0 || !operations[op]?.(b, i)) scripted(b, i);
}
