import type { Handle, Md } from './api/dnnl.js';

/** A stretch of memory that a plan reads and writes: in its arena, or one that outlives the run. */
export interface Region {
  bytes: number;
  /** Position among the graph's storages, for memory that outlives the run. */
  readonly slot?: number;
  /** The storage that it is a copy of, in another layout or type. It is kept until that changes. */
  readonly packs?: number;
  /** First and last step that touch it; the arena's layout follows from these. */
  first: number;
  last: number;
  /** Offset in the arena, once that is planned. */
  offset: number;
}

/**
 * One materialisation of a value: dimensions, layout and place. The dimensions may differ from the node's
 * shape as long as the row-major sequence of elements is the same, which makes every reshape free.
 */
export interface Form {
  readonly dims: readonly number[];
  readonly md: Md;
  readonly region: Region;
}

/** A node's value while a plan is being built: its forms, the first of which is how it was made. */
export interface Value {
  readonly forms: Form[];
}

/** One line of a plan. */
export interface Step {
  /** The node that it computes, or gets ready for another. */
  readonly node: number;
  readonly op: string;
  readonly scope: string;
  readonly kernel: string;
  readonly macs: number;
  /** Fills a copy of this storage: not needed again until the storage changes. */
  readonly packs?: number;
  /** Present for primitives. */
  readonly primitive?: {
    readonly pd: Handle;
    readonly args: readonly (readonly [arg: number, form: { readonly md: Md; readonly region: Region }])[];
  };
  /** Present for everything else: binds to addresses, and returns what runs. */
  readonly script?: (address: (region: Region) => number) => () => void;
  readonly touches: readonly Region[];
  /** Writes a storage. */
  readonly writes: boolean;
}
