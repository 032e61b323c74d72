import type { Mpi, Pending } from '../mpi/bindings.js';

/** The ranks of an exchange, and their names for messages. */
export interface Ring {
  readonly mpi: Mpi;
  readonly comm: number;
  readonly rank: number;
  readonly size: number;
  /** Such as "rank 1 (node-b)". */
  readonly nameOf: (rank: number) => string;
}

/**
 * An exchange that is carried out step by step: it yields each request that it waits for, and undefined during a long
 * computation, so that heartbeats continue.
 */
export type Steps = Generator<Pending | undefined, void, void>;
