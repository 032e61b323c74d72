import { hostPart } from './host-part.js';
import { sameAttrs } from './key.js';
import { type Node, newSearch, type Storage } from './node.js';
import { type NumberPlace, numberPlaces, numbersOf, sameNumbers, withNumbers } from './numbers.js';
import type { BoundGraph, Graph, GraphKey, Update } from './plain.js';
import { isSettled, isStale } from './settled.js';
import { type Feed, type Spec, sameShape } from './types.js';

/** The storage that a leaf is bound to; undefined for a leaf whose values are passed with the run. */
export function storageOf(leaf: Node): Storage | undefined {
  const { source } = leaf;
  return source?.kind === 'storage' && !isSettled(leaf) ? source.storage : undefined;
}

/** The values of a leaf that has no storage. */
export const feedOf = (leaf: Node): Feed =>
  leaf.source?.kind === 'host' ? leaf.source.data : (leaf.value ?? hostPart(leaf) ?? leaf.arriving)!;

/**
 * A graph that was built before. A training step describes the same computation each time, perhaps with other numbers:
 * comparing it with the last one takes a fraction of the time of building a graph and its key.
 */
export class KnownGraph {
  readonly #numbers: readonly NumberPlace[];
  /** Index of a node's first number in the key. */
  readonly #firsts = new Map<number, number>();

  /** @param at the place in `graph.nodes` of each computed node, in the order of their creation */
  constructor(
    private readonly graph: Graph,
    private readonly key: GraphKey,
    private readonly at: readonly number[],
  ) {
    this.#numbers = numberPlaces(graph.nodes);
    this.#numbers.forEach(({ node }, i) => {
      if (!this.#firsts.has(node)) this.#firsts.set(node, i);
    });
  }

  /**
   * The feeds and storages with which this graph computes `outputs` and `updates`; undefined if it is not their graph.
   *
   * @param computed the nodes to compute, in the order of their creation
   */
  bind(
    computed: readonly Node[],
    outputs: readonly Node[],
    updates: readonly Update[],
    guard: Node | undefined,
  ): BoundGraph | undefined {
    const { graph, key, at } = this;
    if (computed.length !== at.length) return undefined;
    if (outputs.length !== graph.outputs.length || updates.length !== graph.updates.length) return undefined;
    const binding = new Binding(graph, this.#firsts);
    for (let i = 0; i < computed.length; i++) if (!binding.computes(computed[i]!, at[i]!)) return undefined;
    for (let i = 0; i < outputs.length; i++)
      if (!binding.has(outputs[i]!, graph.outputs[i]!)) return undefined;
    for (let i = 0; i < updates.length; i++) {
      const { node, slot } = graph.updates[i]!;
      if (!binding.has(updates[i]!.node, node)) return undefined;
      if (!binding.stores(updates[i]!.storage, graph.storages[slot]!)) return undefined;
    }
    if (guard ? graph.guard === undefined || !binding.has(guard, graph.guard) : graph.guard !== undefined)
      return undefined;
    const { feeds, storages, numbers } = binding;
    if (sameNumbers(numbers, key.numbers)) return { graph, key, feeds, storages };
    const changed = withNumbers(graph, this.#numbers, numbers);
    return { graph: changed, key: { form: key.form, numbers }, feeds, storages };
  }
}

/** Follows a graph node by node, and collects what its leaves are bound to. */
class Binding {
  readonly feeds: Feed[] = [];
  readonly storages: Storage[] = [];
  readonly numbers: number[] = [];
  readonly #search = newSearch();
  readonly #slots = new Map<Storage, number>();

  /** @param firsts index of the first number of each node that has any */
  constructor(
    readonly graph: Graph,
    private readonly firsts: ReadonlyMap<number, number>,
  ) {}

  /** Whether a computed node is the one at a place of the graph. */
  computes(node: Node, place: number): boolean {
    const known = this.graph.nodes[place]!;
    const { inputs } = node;
    if (node.op !== known.op || inputs.length !== known.inputs.length) return false;
    for (let i = 0; i < inputs.length; i++) if (!this.has(inputs[i]!, known.inputs[i]!)) return false;
    this.#place(node, place);
    const names = numbersOf(node.op);
    if (!sameSpec(node, known) || !sameAttrs(node.attrs, known.attrs, names)) return false;
    return names.length === 0 || this.#takes(node, names, this.firsts.get(place)!);
  }

  /** Notes the numbers of a node. Of two nodes that are one in the graph, both must have the same. */
  #takes({ attrs }: Node, names: readonly string[], first: number): boolean {
    return names.every((name, k) => {
      const value = attrs[name] as number;
      const before = this.numbers[first + k];
      this.numbers[first + k] = value;
      return before === undefined || Object.is(before, value);
    });
  }

  /** Whether a node is the one at a place of the graph: a node from before, or else a leaf. */
  has(node: Node, place: number): boolean {
    if (node.search === this.#search) return node.place === place;
    this.#place(node, place);
    const storage = storageOf(node);
    if (storage) return !isStale(node) && this.stores(storage, place);
    const known = this.graph.nodes[place]!;
    if (this.graph.feeds[this.feeds.length] !== place) return false;
    this.feeds.push(feedOf(node));
    return sameSpec(node, known);
  }

  #place(node: Node, place: number): void {
    node.search = this.#search;
    node.place = place;
  }

  /** Whether a storage is the one at a place of the graph. */
  stores(storage: Storage, place: number): boolean {
    const { nodes, storages } = this.graph;
    const slot = this.#slots.get(storage);
    if (slot !== undefined) return storages[slot] === place;
    this.#slots.set(storage, this.storages.length);
    return storages[this.storages.push(storage) - 1] === place && sameSpec(storage, nodes[place]!);
  }
}

const sameSpec = (a: Spec, b: Spec): boolean => a.dtype === b.dtype && sameShape(a.shape, b.shape);
