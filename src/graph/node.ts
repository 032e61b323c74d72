import type { Attrs, DType, Shape, Spec, TypedArray } from './types.js';

/**
 * Memory on a device that outlives a run: a parameter, an optimizer's state, a running statistic.
 * `version` counts the writes that were queued, so that a graph built on an older value is noticed.
 */
export interface Storage extends Spec {
  readonly id: number;
  readonly device: object;
  version: number;
}

/** Where a leaf's values come from: the host (sent along with each run) or a device storage at one version. */
export type Source =
  | { readonly kind: 'host'; readonly data: TypedArray }
  | { readonly kind: 'storage'; readonly storage: Storage; readonly version: number };

let nextId = 0;

/**
 * One value in a graph: the result of an operation on other values, or a leaf. A node owns no device memory,
 * so dropping it is the garbage collector's business alone.
 */
export class Node implements Spec {
  /** Creation order. Inputs always have smaller ids, so sorting by id is a topological order. */
  readonly id: number = nextId++;
  /** Set when a run has delivered this node's values; later graphs take it as a leaf. */
  value: TypedArray | undefined;
  /** Set when a run that will deliver this node's values has been queued. */
  arriving: Promise<TypedArray> | undefined;

  constructor(
    readonly op: string,
    /** None where they are no longer needed: see `isSettled`. */
    public inputs: readonly Node[],
    readonly attrs: Attrs,
    readonly shape: Shape,
    readonly dtype: DType,
    /** Module path at the call, such as `features.3`; empty outside of modules. */
    readonly scope: string,
    readonly source?: Source,
  ) {}
}

/** A leaf whose values are sent from the host with each run. */
export const hostLeaf = (data: TypedArray, shape: Shape, dtype: DType): Node =>
  new Node('host', [], {}, shape, dtype, '', { kind: 'host', data });

/** A leaf that reads a device storage as it is now. */
export const storageLeaf = (storage: Storage): Node =>
  new Node('storage', [], {}, storage.shape, storage.dtype, '', {
    kind: 'storage',
    storage,
    version: storage.version,
  });
