import type { Graph } from '../../graph/graph.js';
import { sameShape, sizeOf } from '../../graph/types.js';
import { type Formula, f, partsOf, substitute } from '../../ops/formula.js';
import { formulaOf, isElementwise } from './fusion.js';
import { isNumber } from './numbers/varying.js';
import { usersOf } from './users.js';

/** A new value of a storage. */
export interface UpdateResult {
  readonly node: number;
  readonly slot: number;
  /** One element of it, from those of the inputs and then of the results before it. */
  readonly formula: Formula;
}

/**
 * Elementwise nodes that compute new values of storages, such as a parameter and the optimizer's state for it, and that
 * nothing else reads: one kernel computes all of them for an element before it goes on to the next.
 */
export interface UpdateGroup {
  /** In graph order. */
  readonly nodes: readonly number[];
  /** The other values that they read: of the results' shape, or scalars. */
  readonly inputs: readonly number[];
  /** Number of elements of each result. */
  readonly size: number;
  readonly results: readonly UpdateResult[];
}

/** Groups with more values or subexpressions than this are computed in parts. */
const MOST_VALUES = 24;
const MOST_PARTS = 96;
/** Longer chains, of which no formula is made, are far beyond these. */
const MOST_NODES = 1000;

/** The groups of a graph. The order of updates does not matter to them: no storage of a group is in another update. */
export function updateGroups(graph: Graph): UpdateGroup[] {
  const { nodes, updates } = graph;
  const users = usersOf(graph);
  const slots = new Map<number, number>();
  /** Nodes whose values must exist as they are, and old values of storages that other updates keep. */
  const apart = new Set(graph.outputs);
  if (graph.guard !== undefined) apart.add(graph.guard);
  for (const { node, slot } of updates) {
    if (slots.has(node) || nodes[node]!.inputs.length === 0) apart.add(node);
    slots.set(node, slot);
  }
  const isInner = new Set<number>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const { shape, inputs } = nodes[i]!;
    const fits = inputs.every((input) => {
      const own = nodes[input]!.shape;
      return sameShape(own, shape) || sizeOf(own) === 1;
    });
    const isRead = users[i]!.every((user) => isInner.has(user) && sameShape(nodes[user]!.shape, shape));
    const leads = users[i]!.length > 0 || slots.has(i);
    if (fits && isRead && leads && !apart.has(i) && isElementwise(nodes[i]!, nodes)) isInner.add(i);
  }
  const targets = new Set(updates.map(({ slot }) => graph.storages[slot]!));
  return components(nodes, isInner).flatMap((members) => {
    if (members.length > MOST_NODES) return [];
    const own = new Set(members.flatMap((i) => (slots.has(i) ? [graph.storages[slots.get(i)!]!] : [])));
    const group = groupOf(graph, members, slots);
    const mixes = group.inputs.some((input) => targets.has(input) && !own.has(input));
    const isKept = [...own].some(
      (leaf) => apart.has(leaf) || !sameShape(nodes[leaf]!.shape, nodes[members[0]!]!.shape),
    );
    // As in clusters, numbers count as little as constants.
    const values = group.inputs.filter((i) => !isNumber(nodes[i]!)).length + group.results.length;
    const parts = new Set(group.results.flatMap(({ formula }) => partsOf(formula))).size;
    return mixes || isKept || values > MOST_VALUES || parts > MOST_PARTS || group.size === 0 ? [] : [group];
  });
}

/** Nodes that are connected through each other, in graph order. */
function components(nodes: Graph['nodes'], members: ReadonlySet<number>): number[][] {
  /** Another node of the same component, or the node itself. */
  const next = new Map<number, number>();
  const rootOf = (i: number): number => {
    let root = i;
    while (next.get(root) !== root) root = next.get(root)!;
    for (let at = i; at !== root; ) {
      const after = next.get(at)!;
      next.set(at, root);
      at = after;
    }
    return root;
  };
  const sorted = [...members].sort((a, b) => a - b);
  for (const i of sorted) {
    next.set(i, i);
    for (const input of nodes[i]!.inputs) if (next.has(input)) next.set(rootOf(input), i);
  }
  const of = new Map<number, number[]>();
  for (const i of sorted) {
    const root = rootOf(i);
    const component = of.get(root);
    if (component) component.push(i);
    else of.set(root, [i]);
  }
  return [...of.values()];
}

function groupOf(
  { nodes }: Graph,
  members: readonly number[],
  slots: ReadonlyMap<number, number>,
): UpdateGroup {
  const inside = new Set(members);
  const inputs = [...new Set(members.flatMap((i) => nodes[i]!.inputs.filter((input) => !inside.has(input))))];
  const formulas = new Map<number, Formula>(inputs.map((input, k) => [input, f.input(k)]));
  const results: UpdateResult[] = [];
  for (const i of members) {
    const { op, inputs: operands, attrs } = nodes[i]!;
    const given = operands.map((operand) => formulas.get(operand)!);
    const formula = substitute(
      formulaOf(op)!(
        operands.map((_, k) => f.input(k)),
        attrs,
      ),
      given,
    );
    const slot = slots.get(i);
    if (slot === undefined) formulas.set(i, formula);
    else {
      results.push({ node: i, slot, formula });
      formulas.set(i, f.input(inputs.length + results.length - 1));
    }
  }
  return { nodes: members, inputs, size: sizeOf(nodes[members[0]!]!.shape), results };
}
