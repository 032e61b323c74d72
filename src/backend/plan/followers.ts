import { sameShape } from '../../graph/types.js';
import type { Formula } from '../../ops/formula.js';
import type { PlanBuilder } from './builder.js';

/** A node and the elementwise nodes that are computed with it. */
export interface Followed {
  /** The last one is the result. */
  readonly nodes: readonly number[];
  /** The formula that is applied to the first node's value; absent if nothing follows. */
  readonly activation?: Formula;
}

/**
 * Finds elementwise nodes that are the only readers of a node's result and have no other input, such as an activation:
 * a kernel can apply them before it stores the result. Marks them as computed.
 *
 * @param canRender whether the engine's kernels can apply a formula
 */
export function withFollowers<V, W extends object>(
  b: PlanBuilder<V, W>,
  i: number,
  canRender: (formula: Formula) => boolean = () => true,
): Followed {
  const [reader, ...others] = b.users[i]!;
  if (reader === undefined || others.length > 0 || b.wanted.has(i)) return { nodes: [i] };
  for (const { nodes, inputs, formula, reduce } of b.clusters.values()) {
    if (inputs.length !== 1 || inputs[0] !== i || reduce || !nodes.includes(reader)) continue;
    const { shape } = b.node(nodes.at(-1)!);
    if (!sameShape(shape, b.node(i).shape) || !canRender(formula)) continue;
    for (const node of nodes) b.done.add(node);
    return { nodes: [i, ...nodes], activation: formula };
  }
  return { nodes: [i] };
}
