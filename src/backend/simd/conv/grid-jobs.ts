import type { Job, Table } from '../operation.js';

/**
 * Layout of a group's weights, in elements. A weight has an output channel i and a step p (input channel, then tap).
 */
export interface WeightLayout {
  /** Output channels of each group. */
  readonly count: number;
  readonly stepI: number;
  /** Undefined if steps are adjacent. */
  readonly offsets?: readonly number[];
  readonly group: number;
}

/** Layout of the results: strides in elements. */
export interface ResultLayout {
  readonly offset: number;
  readonly image: number;
  readonly plane: number;
  /** From one row of the grid to the next; `column` likewise. */
  readonly row: number;
  readonly column: number;
}

/** Where a grid's jobs find their memory. */
export interface Places {
  readonly tables: number;
  /** The weights as `prepare` leaves them. */
  readonly prepared: number;
  readonly work: number;
}

/** A job over a grid. */
export type GridJob = Omit<Job, 'args'> & {
  readonly args: (operands: readonly number[], places: Places) => readonly number[];
};

/**
 * The jobs of one convolution over a grid. Offsets of its tables are relative to the start of its memory for tables.
 */
export interface GridJobs {
  /** Packs or transforms the weights; absent if the other jobs read them where they are. */
  readonly prepare?: GridJob;
  /** Whether `prepare` needs no tables. */
  readonly isPlain?: boolean;
  readonly preparedBytes: number;
  readonly jobs: readonly GridJob[];
  readonly tables: readonly Table[];
  readonly tableBytes: number;
  readonly workBytes: number;
}
