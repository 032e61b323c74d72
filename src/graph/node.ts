import { type Attrs, type DType, makeArray, type Shape, type Spec, type TypedArray } from './types.js';

/**
 * Memory on a device that outlives a run: a parameter, an optimizer's state, a running statistic.
 * `version` counts queued writes, so that a graph built on an older value is detected.
 */
export interface Storage extends Spec {
  readonly id: number;
  readonly device: object;
  version: number;
  /** Error of a run that was to update the values, which are those from before it. */
  failure?: object | undefined;
}

/** Where a leaf's values come from: the host (sent with each run) or one version of a device storage. */
export type Source =
  | { readonly kind: 'host'; readonly data: TypedArray }
  | { readonly kind: 'storage'; readonly storage: Storage; readonly version: number };

/** Gradients of a node's inputs, given the gradient with respect to its value; null for an input without one. */
export type GradientRule = (node: Node, grad: Node) => readonly (Node | null)[];

let nextId = 0;
let searches = 0;

/** The id of the next node: nodes that exist already have smaller ones. */
export const upcomingId = (): number => nextId;

/** The number of a new search through nodes, which must end before the next one begins: see {@link Node.search}. */
export const newSearch = (): number => ++searches;

/**
 * One value in a graph: the result of an operation on other values, or a leaf. A node owns no device memory, so the
 * garbage collector can free it.
 */
export class Node implements Spec {
  /** Creation order. Inputs always have smaller ids, so sorting by id gives a topological order. */
  readonly id: number = nextId++;
  /** The values, once a run has computed them; later graphs use the node as a leaf. */
  value: TypedArray | undefined;
  /** Resolves to the values, once a run that computes them has been queued. */
  arriving: Promise<TypedArray> | undefined;
  /** Where its values begin among those of its input, if they are some of these in the same order, row-major. */
  from: number | undefined;
  /** The gradients of its inputs, if its operation has no rule of its own: see `custom`. */
  rule: GradientRule | undefined;
  /** The last search that came to this node, and the place that it gave to it. A Set of nodes takes several times as long. */
  search = 0;
  place = 0;

  constructor(
    readonly op: string,
    /** Empty if they are no longer needed: see `isSettled`. */
    public inputs: readonly Node[],
    readonly attrs: Attrs,
    readonly shape: Shape,
    readonly dtype: DType,
    /** Path of the module that made the node, such as `features.3`; empty outside of modules. */
    readonly scope: string,
    readonly source?: Source,
  ) {}
}

/** Nodes in the order of their creation. */
export function byId(nodes: readonly Node[]): Node[] {
  let first = Number.POSITIVE_INFINITY;
  for (const { id } of nodes) if (id < first) first = id;
  // Numbers are sorted several times faster than objects, for which a function is called at each comparison.
  const keys = new Float64Array(nodes.length);
  for (let i = 0; i < nodes.length; i++) keys[i] = (nodes[i]!.id - first) * nodes.length + i;
  keys.sort();
  const sorted: Node[] = [];
  for (let i = 0; i < nodes.length; i++) sorted.push(nodes[keys[i]! % nodes.length]!);
  return sorted;
}

/** A leaf whose values are sent from the host with each run. */
export const hostLeaf = (data: TypedArray, shape: Shape, dtype: DType): Node =>
  new Node('host', [], {}, shape, dtype, '', { kind: 'host', data });

/** A leaf with one value and no dimensions. */
export const scalarLeaf = (value: number, dtype: DType = 'float32'): Node =>
  hostLeaf(makeArray(dtype, 1).fill(value), [], dtype);

/** A leaf that reads the present version of a device storage. */
export const storageLeaf = (storage: Storage): Node =>
  new Node('storage', [], {}, storage.shape, storage.dtype, '', {
    kind: 'storage',
    storage,
    version: storage.version,
  });
