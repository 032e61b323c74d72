import { PaperweightError } from '../errors/errors.js';
import { type Node, type Storage, storageLeaf } from './node.js';
import { isGone, isSettled } from './settled.js';
import type { Attrs, DType, Feed, Shape } from './types.js';

/** One line of a compiled graph. `inputs` are positions in the graph's node list. */
export interface GraphNode {
  readonly op: string;
  readonly inputs: readonly number[];
  readonly attrs: Attrs;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly scope: string;
}

/**
 * A whole computation as plain data, in topological order: what a backend compiles. It holds no values and
 * no identities, only structure, so equal graphs have equal keys.
 */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  /** Leaves whose values come along with each run, in the order of the run's `feeds`. */
  readonly feeds: readonly number[];
  /** Leaves bound to device storages, in the order of the run's `storages`; the slots below index this order. */
  readonly storages: readonly number[];
  /** Nodes whose values the caller wants back. */
  readonly outputs: readonly number[];
  /** Values to be written into a storage slot when every reader of the old value is done. */
  readonly updates: readonly { readonly node: number; readonly slot: number }[];
  /** A scalar among the outputs: where a run finds that it is not a finite number, the run updates nothing. */
  readonly guard?: number;
}

/** A graph with what one run of it needs. */
export interface Bound {
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
 * Gathers what `outputs` and `updates` need into a graph. Equal subexpressions become one node, what nobody
 * needs is left out, and nodes whose values are known become leaves.
 *
 * @param guard one of the outputs
 */
export function buildGraph(outputs: readonly Node[], updates: readonly Update[], guard?: Node): Bound {
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

  const push = (node: Node, inputs: number[], op: string): number => {
    nodes.push({ op, inputs, attrs: node.attrs, shape: node.shape, dtype: node.dtype, scope: node.scope });
    lines.push(`${op}(${inputs.join()})${attrKey(node.attrs)}:${node.dtype}[${node.shape.join()}]`);
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
    if (source?.kind === 'storage' && !(known && isGone(node))) {
      if (isGone(node)) throw staleError(roots.find((root) => reachable([root]).includes(node)) ?? node);
      return bindStorage(node, source.storage);
    }
    const at = push(node, [], 'feed');
    feedAt.push(at);
    feeds.push(source?.kind === 'host' ? source.data : known!);
    return at;
  };
  // A leaf comes where it is first used: which of two leaves was made first says nothing about the structure.
  const place = (node: Node): number => {
    let at = position.get(node);
    if (at === undefined) position.set(node, (at = bindLeaf(node)));
    return at;
  };

  for (const node of reachable(roots)) {
    if (node.source || node.value || isSettled(node)) continue;
    const inputs = node.inputs.map(place);
    const signature = `${node.op}(${inputs.join()})${attrKey(node.attrs)}:${node.dtype}[${node.shape.join()}]`;
    const at = bySignature.get(signature) ?? push(node, inputs, node.op);
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

/** Everything that the roots depend on, inputs first, stopping at leaves and at nodes with known or settled values. */
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
  return names.length === 0
    ? ''
    : JSON.stringify(
        names.sort().map((name) => [name, attrs[name]]),
        spelled,
      );
};
/** JSON has one word, null, for the three numbers that are not finite. */
const spelled = (_key: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;

/** For a value whose weights are gone. */
export function staleError({ shape, scope }: Node): PaperweightError {
  return new PaperweightError({
    what: `A tensor of shape [${shape.join(', ')}]${scope ? ` of ${scope}` : ''} cannot be computed any more: it needs weights as they were before an update`,
    expected: 'values to be computed before optimizer.step() changes the weights',
    got: 'a graph on the old weights, which are gone',
    next: 'let the step compute what is needed after it, optimizer.step({ compute: [tensor] }), or await its data() or item() before; it may then be read, and used in later steps',
  });
}
