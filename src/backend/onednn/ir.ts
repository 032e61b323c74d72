import type { TypedArray } from '../../graph/types.js';
import type { Region } from '../plan/region.js';
import type { Bind } from '../plan/step.js';
import type { Handle, Md } from './api/dnnl.js';

/** Row-major values that a correction has kept in this run, if it was made. */
export interface Kept {
  values: TypedArray | undefined;
}

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

/** Memory that a primitive reads or writes. */
export interface Place {
  readonly md: Md;
  readonly region: Region;
  /** Bytes between the start of the region and that of the memory; 0 if left out. */
  readonly offset?: number;
}

/** What a step does: a primitive, or a function. */
export interface Work {
  readonly primitive?: {
    readonly pd: Handle;
    readonly args: readonly (readonly [arg: number, place: Place])[];
    /** Whether it is for one thread, whatever its node is. */
    readonly alone: boolean;
  };
  /** Present for all other steps. */
  readonly script?: Bind;
}
