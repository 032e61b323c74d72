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

/**
 * The jobs of one convolution over a grid. Offsets of its tables are relative to the start of its memory for tables.
 */
export interface GridJobs {
  readonly jobs: readonly (Omit<Job, 'args'> & {
    readonly args: (operands: readonly number[], tables: number, work: number) => readonly number[];
  })[];
  readonly tables: readonly Table[];
  readonly tableBytes: number;
  readonly workBytes: number;
}
