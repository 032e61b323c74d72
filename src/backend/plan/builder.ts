import type { Graph, GraphNode } from '../../graph/graph.js';
import type { TypedArray } from '../../graph/types.js';
import { isAlias, macsOf } from './describe.js';
import { type Cluster, clusters, type Fusion } from './fusion.js';
import { isNumber } from './numbers/varying.js';
import type { Region } from './region.js';
import type { NewStep, PlanStep } from './step.js';
import { usersOf, wantedOf } from './users.js';

/**
 * Collects the steps of a plan while the graph's nodes are lowered in order, and counts the remaining readers of each
 * value, so that operations can run in place. V is an engine's type of values, W the engine's own part of a step.
 */
export class PlanBuilder<V, W extends object> {
  readonly steps: (PlanStep & W)[] = [];
  readonly values: (V | undefined)[];
  readonly regions: Region[] = [];
  /** Nodes already computed by the lowering of another node, such as a bias gradient. */
  readonly done = new Set<number>();
  /** Groups of elementwise nodes that one kernel computes, by the last node of each group. */
  readonly clusters: ReadonlyMap<number, Cluster>;
  /** The cluster that each elementwise node is in. */
  readonly clusterOf: ReadonlyMap<number, Cluster>;
  /** Nodes of clusters, without the last of each. */
  readonly absorbed: ReadonlySet<number>;
  readonly users: readonly (readonly number[])[];
  /** Nodes whose values must exist: outputs, updates, the guard, and what groups of updates read. */
  readonly wanted: Set<number>;
  /** The graph's numbers in the last run, by their leaves. */
  readonly numbers: ReadonlyMap<number, TypedArray>;
  /** The node being lowered, for error messages. */
  current = 0;
  readonly #group: number[];
  readonly #pending: number[];
  readonly #targets = new Map<number, number>();

  /**
   * @param apart returns which nodes stay out of clusters, given the readers of each node; without it there are no
   *   clusters
   * @param pair the node that one primitive computes together with this one
   * @param fusion what else decides the clusters
   */
  constructor(
    readonly graph: Graph,
    apart?: (node: number, users: readonly (readonly number[])[]) => boolean,
    pair?: (node: number) => number | undefined,
    fusion: Fusion = {},
  ) {
    this.values = graph.nodes.map(() => undefined);
    const leaves = graph.feeds.filter((i) => isNumber(graph.nodes[i]!));
    this.numbers = new Map(leaves.map((i) => [i, new Float64Array(1)]));
    const users = usersOf(graph);
    this.users = users;
    this.wanted = wantedOf(graph);
    this.clusters = apart ? clusters(graph, (i) => apart(i, users), pair, fusion) : new Map();
    this.clusterOf = new Map(
      [...this.clusters.values()].flatMap((cluster) => cluster.nodes.map((i) => [i, cluster] as const)),
    );
    this.absorbed = new Set(
      [...this.clusters].flatMap(([root, { nodes }]) => nodes.filter((i) => i !== root)),
    );
    // Reshapes share their input's memory, so readers are counted over the whole group.
    this.#group = graph.nodes.map((_, i) => i);
    graph.nodes.forEach((node, i) => {
      if (isAlias(node)) this.#group[i] = this.#group[node.inputs[0]!]!;
    });
    this.#pending = graph.nodes.map(() => 0);
    graph.nodes.forEach((node) => {
      if (!isAlias(node)) for (const input of new Set(node.inputs)) this.#pending[this.#group[input]!]!++;
    });
    for (const output of graph.outputs) this.#pending[this.#group[output]!]!++;
    for (const { node, slot } of graph.updates) {
      this.#pending[this.#group[node]!]!++;
      this.#targets.set(node, slot);
    }
  }

  node(i: number): GraphNode {
    return this.graph.nodes[i]!;
  }

  value(i: number): V {
    const value = this.values[i];
    if (!value) throw new Error(`node ${i} (${this.node(i).op}) is used before it is computed`);
    return value;
  }

  /** Name, module path and multiply-adds of a step that computes these nodes, of which the last is its result. */
  label(nodes: readonly number[]): { op: string; scope: string; macs: number } {
    return {
      op: nodes.map((i) => this.node(i).op).join('+'),
      scope: this.node(nodes.at(-1)!).scope,
      macs: nodes.reduce((sum, i) => sum + macsOf(this.graph, i), 0),
    };
  }

  /** New memory in the arena. */
  region(bytes: number): Region {
    const region: Region = { bytes, first: Number.POSITIVE_INFINITY, last: -1, offset: 0 };
    this.regions.push(region);
    return region;
  }

  emit(step: NewStep<W>): void {
    this.#touch(step.touches, this.steps.length);
    this.steps.push({ ...step, node: this.current });
  }

  /** Replaces the last step by one that also does further work. */
  extend(step: NewStep<W>): void {
    const { node } = this.steps.pop()!;
    this.#touch(step.touches, this.steps.length);
    this.steps.push({ ...step, node });
  }

  #touch(regions: readonly Region[], at: number): void {
    for (const region of regions) {
      region.first = Math.min(region.first, at);
      region.last = Math.max(region.last, at);
    }
  }

  /** Call after lowering a node: its inputs have one reader less. */
  release(i: number): void {
    const node = this.node(i);
    if (!isAlias(node)) for (const input of new Set(node.inputs)) this.#pending[this.#group[input]!]!--;
  }

  /** The node whose memory a node uses: the source of an alias, otherwise the node itself. */
  sourceOf(i: number): number {
    return this.#group[i]!;
  }

  /** Number of readers of a value that have yet to be lowered or are being lowered; outputs and updates count. */
  remainingReaders(input: number): number {
    return this.#pending[this.#group[input]!]!;
  }

  /** Whether these nodes, which are being lowered, are the last that read a value. */
  onlyReaders(input: number, nodes: readonly number[]): boolean {
    return this.remainingReaders(input) === this.#readers(this.#group[input]!, nodes);
  }

  #readers(group: number, nodes: readonly number[]): number {
    return nodes.filter((i) => this.node(i).inputs.some((input) => this.#group[input] === group)).length;
  }

  /**
   * The storage that a node's result updates, if the node can write it directly: no node except those being lowered
   * still reads the old value, and the guard, if any, has been computed.
   */
  targetSlot(i: number, nodes: readonly number[] = [i]): number | undefined {
    const slot = this.#targets.get(i);
    if (slot === undefined) return undefined;
    if (this.graph.guard !== undefined && !this.values[this.graph.guard]) return undefined;
    const leaf = this.graph.storages[slot]!;
    return this.#pending[leaf]! > this.#readers(leaf, nodes) ? undefined : slot;
  }
}
