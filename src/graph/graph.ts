import { PaperweightError } from '../errors/errors.js';
import { type Node, type Storage, storageLeaf } from './node.js';
import { isSettled, isStale } from './settled.js';
import type { Attrs, AttrValue, DType, Feed, Shape } from './types.js';

/** One node of a graph. `inputs` are indices into the graph's node list. */
export interface GraphNode {
  readonly op: string;
  readonly inputs: readonly number[];
  readonly attrs: Attrs;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly scope: string;
}

/**
 * A computation as plain data, in topological order: the input of a backend's compiler. It contains structure only, no
 * values and no object identities, so equal computations have equal keys.
 */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  /** Leaves whose values are passed with each run, in the order of the run's `feeds`. */
  readonly feeds: readonly number[];
  /** Leaves bound to device storages, in the order of the run's `storages`; the slots below index this order. */
  readonly storages: readonly number[];
  /** Nodes whose values are returned. */
  readonly outputs: readonly number[];
  /** Values to write into storage slots, after all reads of the old values. */
  readonly updates: readonly { readonly node: number; readonly slot: number }[];
  /** A scalar output: if it is NaN or infinite, the run writes no updates. */
  readonly guard?: number;
}

/** A graph with the feeds and storages of one run. */
export interface BoundGraph {
  readonly graph: Graph;
  readonly key: string;
  readonly feeds: Feed[];
  readonly storages: Storage[];
}

export interface Update {
  readonly node: Node;
  readonly storage: Storage;
}

/**
 * Builds the graph that computes `outputs` and `updates`. Equal subexpressions become one node, unused nodes are left
 * out, and nodes with known values become leaves.
 *
 * @param guard one of the outputs: see {@link Graph.guard}
 */
export function buildGraph(outputs: readonly Node[], updates: readonly Update[], guard?: Node): BoundGraph {
  const slots = new Map<Storage, number>();
  const position = new Map<Node, number>();
  const bySignature = new Map<string, number>();
  const nodes: GraphNode[] = [];
  const feedAt: number[] = [];
  const storageAt: number[] = [];
  const feeds: Feed[] = [];
  const storages: Storage[] = [];
  const lines: string[] = [];
  const roots = [...outputs, ...updates.map((u) => u.node)];

  const lineOf = ({ attrs, dtype, shape }: Node, inputs: readonly number[], op: string): string =>
    `${op}(${inputs.join()})${attrKey(attrs)}:${dtype}[${shape.join()}]`;
  const push = (node: Node, inputs: number[], op: string, line = lineOf(node, inputs, op)): number => {
    nodes.push({ op, inputs, attrs: node.attrs, shape: node.shape, dtype: node.dtype, scope: node.scope });
    lines.push(line);
    return nodes.length - 1;
  };
  const bindStorage = (node: Node, storage: Storage): number => {
    const known = slots.get(storage);
    if (known !== undefined) return storageAt[known]!;
    slots.set(storage, storages.length);
    storages.push(storage);
    const at = push(node, [], 'storage');
    storageAt.push(at);
    return at;
  };

  const bindLeaf = (node: Node): number => {
    const source = node.source;
    const known = node.value ?? node.arriving;
    if (source?.kind === 'storage' && !(known && isStale(node))) {
      if (isStale(node)) throw staleError(roots.find((root) => reachable([root]).includes(node)) ?? node);
      return bindStorage(node, source.storage);
    }
    const at = push(node, [], 'feed');
    feedAt.push(at);
    feeds.push(source?.kind === 'host' ? source.data : known!);
    return at;
  };
  // Leaves are placed at their first use, not in creation order, so that equal structures get equal keys.
  const place = (node: Node): number => {
    let at = position.get(node);
    if (at === undefined) position.set(node, (at = bindLeaf(node)));
    return at;
  };

  for (const node of reachable(roots)) {
    if (node.source || node.value || isSettled(node)) continue;
    const inputs = node.inputs.map(place);
    const signature = lineOf(node, inputs, node.op);
    const at = bySignature.get(signature) ?? push(node, inputs, node.op, signature);
    bySignature.set(signature, at);
    position.set(node, at);
  }
  const wanted = outputs.map(place);
  const bound = updates.map(({ node, storage }) => {
    const at = place(node);
    bindStorage(storageLeaf(storage), storage);
    return { node: at, slot: slots.get(storage)! };
  });
  const graph: Graph = {
    nodes,
    feeds: feedAt,
    storages: storageAt,
    outputs: wanted,
    updates: bound,
    ...(guard ? { guard: place(guard) } : {}),
  };
  const key = `${lines.join(';')}|${graph.outputs.join()}|${bound.map((u) => `${u.node}>${u.slot}`).join()}${guard ? `|${graph.guard}` : ''}`;
  return { graph, key, feeds, storages };
}

/** All nodes that the roots depend on, inputs first, stopping at leaves and at nodes with known or settled values. */
export function reachable(roots: readonly Node[]): Node[] {
  const seen = new Set<Node>();
  const stack = [...roots];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (seen.has(node)) continue;
    seen.add(node);
    if (!node.value && !isSettled(node)) stack.push(...node.inputs);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

const attrKey = (attrs: Attrs): string => {
  const names = Object.keys(attrs);
  if (names.length === 0) return '';
  return `{${names
    .sort()
    .map((name) => `${name}=${valueKey(attrs[name]!)}`)
    .join()}}`;
};

function valueKey(value: AttrValue): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'boolean' ? String(value) : `[${value.map(valueKey).join()}]`;
}

/** The error for a value that depends on weights from before an update. */
export function staleError({ shape, scope }: Node): PaperweightError {
  return new PaperweightError({
    what: `A tensor of shape [${shape.join(', ')}]${scope ? ` of ${scope}` : ''} cannot be computed any more: it depends on weights that an update has overwritten`,
    expected: 'values to be computed before optimizer.step() changes the weights',
    got: 'a graph that needs the old weights',
    next: 'compute it in the step itself, optimizer.step({ compute: [tensor] }), or await its data() or item() before the step; it can then be read and used in later steps',
  });
}
