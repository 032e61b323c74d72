import type { Span, VectorKernel } from './chain.js';
import type { KernelPool, Work } from './pool.js';

/** One kernel over independent pieces, which threads take one by one. */
export interface Job extends Work {
  /** Its id in the pool. */
  readonly kernel: number;
  /** How the operands are laid out along the range, for jobs that can run together with those before and after them. */
  readonly along?: Spans;
  /** The kernel's arguments, for operands, scratch memory and prepared values at these offsets. */
  readonly args: (operands: readonly number[], scratch: number, prepared: number) => readonly number[];
  /** Whether the arguments change from run to run. */
  readonly varies?: boolean;
}

/** How a job can run in a chain: see `VectorKernel`. */
export interface Spans extends Pick<VectorKernel, 'least'> {
  /** One span for each operand of the operation. */
  readonly spans: readonly Span[];
  /** Index of the operand that is the result. */
  readonly writes: number;
}

/** What an operation computes of one operand alone, and may keep as long as that does not change: packed weights. */
export interface Preparation {
  /** Index of the operand. */
  readonly operand: number;
  readonly bytes: number;
  readonly job: Job;
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
  /** Scratch memory if prepared values are kept elsewhere. */
  readonly ownBytes: number;
  /** Memory reserved for it while it runs; its contents before and afterwards do not matter. */
  readonly scratchBytes: number;

  /**
   * @param ownBytes scratch memory, without that for prepared values; a multiple of 16 if there are any
   * @param check called before each run with the offsets of the operands; throws if their values are not valid
   */
  constructor(
    readonly pool: KernelPool,
    ownBytes: number,
    readonly jobs: readonly Job[],
    readonly tables: readonly Table[] = [],
    readonly check?: (operands: readonly number[]) => void,
    readonly preparation?: Preparation,
  ) {
    this.ownBytes = ownBytes;
    this.scratchBytes = ownBytes + (preparation?.bytes ?? 0);
  }

  /**
   * Runs the jobs.
   *
   * @param operands offsets in the pool's memory, in the order documented by the function that made the operation
   * @param scratch offset of `scratchBytes` bytes, a multiple of 16
   */
  run(operands: readonly number[], scratch = 0): void {
    this.bind(operands, scratch)();
  }

  /**
   * Like `run`, as a function to call several times, as long as the memory does not grow.
   * @param prepared where `prepare` has put the prepared values; without it they are computed in each run
   */
  bind(operands: readonly number[], scratch: number, prepared?: number): () => void {
    const { preparation } = this;
    const all = preparation && prepared === undefined ? [preparation.job, ...this.jobs] : this.jobs;
    const bound = (job: Job) => this.#bound(job, operands, scratch, prepared ?? scratch + this.ownBytes);
    const jobs = all.map((job) => (job.varies ? () => bound(job)() : bound(job)));
    const tables = this.tables.map(({ at, values }) => ({
      values,
      place: new Int32Array(this.pool.memory.buffer, scratch + at, values.length),
    }));
    return () => {
      this.check?.(operands);
      for (const { place, values } of tables) place.set(values);
      for (const job of jobs) job();
    };
  }

  /**
   * The operation as one kernel of a chain, whose operands are followed by scratch memory, and by prepared values if it
   * needs any; undefined if it is more than one kernel.
   */
  get link(): VectorKernel | undefined {
    const [job, ...others] = this.jobs;
    if (!job?.along || others.length > 0 || this.tables.length > 0 || this.check) return undefined;
    const { kernel, total, piece, elements, along, args } = job;
    const count = along.spans.length;
    return {
      ...along,
      ...{ kernel, total, piece, inner: elements / Math.max(1, total), grain: 1, cost: 1 },
      args: (places) => args(places.slice(0, count), places[count]!, places[count + 1]!),
    };
  }

  /** A function that computes the values of `preparation`. @param operand offset of its operand */
  prepare(operand: number, prepared: number): () => void {
    const { operand: index, job } = this.preparation!;
    const operands: number[] = [];
    operands[index] = operand;
    return this.#bound(job, operands, 0, prepared);
  }

  #bound(job: Job, operands: readonly number[], scratch: number, prepared: number): () => void {
    const { kernel, args } = job;
    return this.pool.prepare([{ kernel, args: args(operands, scratch, prepared), scale: 1 }], job);
  }
}
