import type { KernelPool } from './pool.js';

/** One kernel over independent pieces, which threads take one by one. */
export interface Job {
  /** Its id in the pool. */
  readonly kernel: number;
  /** The range that is split. */
  readonly total: number;
  /** How much of the range a thread takes at a time. */
  readonly piece: number;
  /** The work, in elements of an elementwise operation: little work stays on one thread. */
  readonly elements: number;
  /** The kernel's arguments, for operands and scratch memory at these offsets. */
  readonly args: (operands: readonly number[], scratch: number) => readonly number[];
}

/** Integers that kernels read, at an offset of the scratch memory. */
export interface Table {
  readonly at: number;
  readonly values: Int32Array;
}

/**
 * An operation whose shapes are known. Its jobs run one after another: each begins when all pieces of the one before are
 * done. Results do not depend on the number of threads.
 */
export class VectorOperation {
  /**
   * @param scratchBytes memory reserved for it while it runs; its contents before and afterwards do not matter
   * @param check called before each run with the offsets of the operands; throws if their values are not valid
   */
  constructor(
    readonly pool: KernelPool,
    readonly scratchBytes: number,
    readonly jobs: readonly Job[],
    readonly tables: readonly Table[] = [],
    readonly check: (operands: readonly number[]) => void = () => {},
  ) {}

  /**
   * Runs the jobs.
   *
   * @param operands offsets in the pool's memory, in the order documented by the function that made the operation
   * @param scratch offset of `scratchBytes` bytes, a multiple of 16
   */
  run(operands: readonly number[], scratch = 0): void {
    this.check(operands);
    for (const { at, values } of this.tables)
      new Int32Array(this.pool.memory.buffer, scratch + at, values.length).set(values);
    for (const { kernel, args, total, piece, elements } of this.jobs)
      this.pool.share(kernel, args(operands, scratch), total, piece, elements);
  }
}
