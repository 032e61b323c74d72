import type { Node, Storage } from './node.js';
import type { Attrs, DType, Feed, Shape } from './types.js';

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

/** Identifies a computation: graphs with equal keys are equal. */
export interface GraphKey {
  /** The graph as text, without numbers that may change from run to run (`numbers.ts`). */
  readonly form: string;
  /** These numbers, in the order of the nodes. */
  readonly numbers: readonly number[];
}

/** A graph with the feeds and storages of one run. */
export interface BoundGraph {
  readonly graph: Graph;
  readonly key: GraphKey;
  readonly feeds: Feed[];
  readonly storages: Storage[];
}

export interface Update {
  readonly node: Node;
  readonly storage: Storage;
}
