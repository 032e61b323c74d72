import { PaperweightError } from '../errors/errors.js';
import { hostPart } from './host-part.js';
import { attrKey, valueKey } from './key.js';
import { feedOf, KnownGraph, storageOf } from './known.js';
import { byId, type Node, newSearch, type Storage, storageLeaf } from './node.js';
import { numbersOf } from './numbers.js';
import type { BoundGraph, Graph, GraphKey, GraphNode, Update } from './plain.js';
import { isSettled, isStale } from './settled.js';
import type { Attrs, Feed } from './types.js';

export type { BoundGraph, Graph, GraphKey, GraphNode, Update } from './plain.js';

/** Graphs that were built more than once, the one that was used last first. */
const latest: KnownGraph[] = [];
/** Number of graphs that are kept: an epoch has a few, such as those of its last batch and of its evaluation. */
const MAX_LATEST = 8;
/** Forms of the graphs that were built last: one that is built only once is not kept. */
const built = new Set<string>();
const MAX_BUILT = 16;
/** Leaves have none: those of the operation that computed a known value do not matter to a graph that reads it. */
const NO_ATTRS: Attrs = {};

/**
 * Builds the graph that computes `outputs` and `updates`. Equal subexpressions become one node, unused nodes are left
 * out, and nodes with known values become leaves.
 *
 * @param guard one of the outputs: see {@link Graph.guard}
 */
export function buildGraph(outputs: readonly Node[], updates: readonly Update[], guard?: Node): BoundGraph {
  const roots = [...outputs, ...updates.map((u) => u.node)];
  const { computed } = dependencies(roots, (node) => hostPart(node) !== undefined);
  for (const [i, known] of latest.entries()) {
    const bound = known.bind(computed, outputs, updates, guard);
    if (!bound) continue;
    latest.splice(i, 1);
    latest.unshift(known);
    return bound;
  }
  const slots = new Map<Storage, number>();
  const position = new Map<Node, number>();
  const bySignature = new Map<string, number>();
  const nodes: GraphNode[] = [];
  const feedAt: number[] = [];
  const storageAt: number[] = [];
  const feeds: Feed[] = [];
  const storages: Storage[] = [];
  const lines: string[] = [];
  const numbers: number[] = [];

  const push = (node: GraphNode, line: string): number => {
    lines.push(line);
    return nodes.push(node) - 1;
  };
  const pushLeaf = ({ shape, dtype, scope }: Node, op: string): number =>
    push({ op, inputs: [], attrs: NO_ATTRS, shape, dtype, scope }, `${op}:${dtype}[${shape.join()}]`);
  const bindStorage = (node: Node, storage: Storage): number => {
    const known = slots.get(storage);
    if (known !== undefined) return storageAt[known]!;
    slots.set(storage, storages.length);
    storages.push(storage);
    const at = pushLeaf(node, 'storage');
    storageAt.push(at);
    return at;
  };

  const bindLeaf = (node: Node): number => {
    const storage = storageOf(node);
    if (storage) {
      if (isStale(node)) throw staleError(roots.find((root) => reachable([root]).includes(node)) ?? node);
      return bindStorage(node, storage);
    }
    const at = pushLeaf(node, 'feed');
    feedAt.push(at);
    feeds.push(feedOf(node));
    return at;
  };
  // Leaves are placed at their first use, not in creation order, so that equal structures get equal keys.
  const place = (node: Node): number => {
    let at = position.get(node);
    if (at === undefined) position.set(node, (at = bindLeaf(node)));
    return at;
  };

  const places = computed.map((node) => {
    const { op, attrs, shape, dtype, scope } = node;
    const inputs = node.inputs.map(place);
    const names = numbersOf(op);
    const own = names.map((name) => attrs[name] as number);
    const line = `${op}(${inputs.join()})${attrKey(attrs, names)}:${dtype}[${shape.join()}]`;
    const signature = own.length === 0 ? line : `${line} ${own.map(valueKey).join()}`;
    let at = bySignature.get(signature);
    if (at === undefined) {
      at = push({ op, inputs, attrs, shape, dtype, scope }, line);
      bySignature.set(signature, at);
      numbers.push(...own);
    }
    position.set(node, at);
    return at;
  });
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
  const form = `${lines.join(';')}|${graph.outputs.join()}|${bound.map((u) => `${u.node}>${u.slot}`).join()}${guard ? `|${graph.guard}` : ''}`;
  const key: GraphKey = { form, numbers };
  if (built.delete(form)) {
    latest.unshift(new KnownGraph(graph, key, places));
    if (latest.length > MAX_LATEST) latest.pop();
  }
  built.add(form);
  if (built.size > MAX_BUILT) built.delete(built.values().next().value!);
  return { graph, key, feeds, storages };
}

/** All nodes that the roots depend on, inputs first, stopping at leaves and at nodes with known or settled values. */
export function reachable(roots: readonly Node[]): Node[] {
  const { computed, leaves } = dependencies(roots);
  return byId([...computed, ...leaves]);
}

/**
 * The nodes that the roots depend on: those to compute, in the order of their creation, and leaves in any order.
 *
 * @param isGiven whether a node is a leaf although its values are not its own
 */
function dependencies(
  roots: readonly Node[],
  isGiven: (node: Node) => boolean = () => false,
): { computed: Node[]; leaves: Node[] } {
  const search = newSearch();
  const stack = [...roots];
  const computed: Node[] = [];
  const leaves: Node[] = [];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (node.search === search) continue;
    node.search = search;
    if (node.source || node.value || isSettled(node) || isGiven(node)) leaves.push(node);
    else {
      computed.push(node);
      for (const input of node.inputs) stack.push(input);
    }
  }
  return { computed: byId(computed), leaves };
}

/** The error for a value that depends on weights from before an update. */
export function staleError({ shape, scope }: Node): PaperweightError {
  return new PaperweightError({
    what: `A tensor of shape [${shape.join(', ')}]${scope ? ` of ${scope}` : ''} cannot be computed any more: it depends on weights that an update has overwritten`,
    expected: 'values to be computed before optimizer.step() changes the weights',
    got: 'a graph that needs the old weights',
    next: 'compute it in the step itself, optimizer.step({ compute: [tensor] }), or await its data() or item() before the step; it can then be read and used in later steps. A layer that changes a buffer in forward calls update([[buffer, value]], { later: true })',
  });
}
