import { sameShape } from '../../graph/types.js';
import { type Formula, f, substitute } from '../../ops/formula.js';
import type { PlanBuilder } from './builder.js';
import { isAlias } from './describe.js';

/** A node and the elementwise nodes that are computed with it. */
export interface Followed {
  /** The last one is the result. */
  readonly nodes: readonly number[];
  /** The formula that is applied to the first node's value; absent if nothing follows. */
  readonly activation?: Formula;
  /** The formula's further inputs. */
  readonly others: readonly number[];
}

/** What an engine's kernel can apply to its result. */
export interface Following {
  readonly canRender?: (formula: Formula) => boolean;
  /**
   * Whether the kernel can read another input of a formula, given the node whose shape the result has; without it, formulas
   * have no other inputs.
   */
  readonly reads?: (input: number, root: number) => boolean;
  /** The most other inputs. */
  readonly most?: number;
}

/**
 * Finds elementwise nodes that are the only readers of a node's result, such as an activation, and whose other inputs are
 * known before: a kernel can apply them before it stores the result. Marks them as computed.
 */
export function withFollowers<V, W extends object>(
  b: PlanBuilder<V, W>,
  i: number,
  { canRender = () => true, reads, most = 0 }: Following = {},
): Followed {
  const value = reads ? lastAlias(b, i) : i;
  const alone = { nodes: [i], others: [] };
  const reader = onlyReader(b, value);
  if (reader === undefined) return alone;
  const cluster = b.clusterOf.get(reader);
  if (!cluster) return alone;
  const { nodes, inputs, formula, reduce } = cluster;
  if (reduce || !inputs.includes(value) || !canRender(formula)) return alone;
  const root = nodes.at(-1)!;
  if (!sameShape(b.node(root).shape, b.node(value).shape)) return alone;
  const others = inputs.filter((input) => input !== value);
  const readable = (input: number): boolean => b.values[input] !== undefined && !!reads?.(input, root);
  if (others.length > most || !others.every(readable)) return alone;
  for (const node of nodes) b.done.add(node);
  for (let alias = i; alias !== value; b.done.add(alias)) alias = onlyReader(b, alias)!;
  const inputOf = (input: number): Formula => f.input(input === value ? 0 : 1 + others.indexOf(input));
  return { nodes: [i, ...nodes], activation: substitute(formula, inputs.map(inputOf)), others };
}

/** The node that reads a node's result, if it is the only one and the result is not wanted otherwise. */
function onlyReader<V, W extends object>(b: PlanBuilder<V, W>, i: number): number | undefined {
  const [reader, ...others] = b.users[i]!;
  return others.length > 0 || b.wanted.has(i) ? undefined : reader;
}

/** The last of the reshapes that are the only readers of a node's result: another name of the same memory. */
function lastAlias<V, W extends object>(b: PlanBuilder<V, W>, i: number): number {
  const reader = onlyReader(b, i);
  return reader !== undefined && isAlias(b.node(reader)) ? lastAlias(b, reader) : i;
}
