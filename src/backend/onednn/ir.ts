import type { Region } from '../plan/region.js';
import type { Handle, Md } from './api/dnnl.js';

/**
 * A value in memory: dimensions, layout and region. The dimensions may differ from the node's shape if the row-major
 * sequence of elements is the same; a reshape therefore copies nothing.
 */
export interface Form {
  readonly dims: readonly number[];
  readonly md: Md;
  readonly region: Region;
}

/** A node's value while a plan is being built: all its forms. The first is the one that was computed. */
export interface Value {
  readonly forms: Form[];
}

/** One step of a plan. */
export interface Step {
  /** The node that it computes, or for which it prepares an input. */
  readonly node: number;
  readonly op: string;
  readonly scope: string;
  readonly kernel: string;
  readonly macs: number;
  /** The step fills a copy of this storage, and is skipped until the storage changes. */
  readonly packs?: number;
  /** Present for primitives. */
  readonly primitive?: {
    readonly pd: Handle;
    readonly args: readonly (readonly [arg: number, form: { readonly md: Md; readonly region: Region }])[];
  };
  /** Present for all other steps: given addresses, returns the function to run. */
  readonly script?: (address: (region: Region) => number) => () => void;
  readonly touches: readonly Region[];
  /** Whether it writes a storage. */
  readonly writes: boolean;
}
