import type { Run } from './webassembly.js';

/*
 * How threads share a job: a kernel, its addresses, and the range of its outermost dimension, split into pieces. The
 * control block is a few words of shared memory. Threads take pieces one by one, so a preempted thread does not delay the
 * others. The counter contains the job number, so a thread that wakes up late cannot take a piece of the next job.
 */

/** Indices of the int32 words of the control block. The first 64-bit word is `next`. */
export const WORD = {
  wake: 2,
  done: 3,
  stop: 4,
  kernel: 5,
  pieces: 6,
  piece: 7,
  total: 8,
  failed: 9,
  count: 10,
  /** Size of the module of the job's kernel. */
  moduleBytes: 11,
  args: 12,
} as const;
export const WORDS = 64;
/** `next` contains the job number in its upper 32 bits and the next piece in its lower 32 bits. */
const SHIFT = 32n;
const CLOSED = 0xffffffffn;

export interface Control {
  readonly words: Int32Array;
  readonly next: BigInt64Array;
}

export const controlOf = (buffer: SharedArrayBuffer): Control => ({
  words: new Int32Array(buffer),
  next: new BigInt64Array(buffer, 0, 1),
});

/**
 * Publishes a job, of which `work` takes pieces. All pieces of the previous job must be done.
 * @param prepare writes what the job's pieces need in shared memory
 */
export function publish(
  { words, next }: Control,
  job: number,
  kernel: number,
  total: number,
  piece: number,
  args: readonly number[],
  prepare: () => void = () => {},
): void {
  // CLOSED keeps threads from taking a piece while the words change, even a thread that is still in the last job.
  Atomics.store(next, 0, (BigInt(job) << SHIFT) | CLOSED);
  prepare();
  words[WORD.kernel] = kernel;
  words[WORD.total] = total;
  words[WORD.piece] = piece;
  words[WORD.pieces] = Math.ceil(total / piece);
  words[WORD.count] = args.length;
  args.forEach((arg, k) => {
    words[WORD.args + k] = arg;
  });
  Atomics.store(words, WORD.done, 0);
  Atomics.store(next, 0, BigInt(job) << SHIFT);
}

/**
 * Computes pieces of the current job until none is left.
 *
 * @param kernelOf returns a kernel by its id
 * @param thread number of this thread, which kernels with memory of their own for each thread get as a last argument
 */
export function work({ words, next }: Control, kernelOf: (id: number) => Run, thread: number): void {
  for (;;) {
    const seen = Atomics.load(next, 0);
    const n = Number(seen & CLOSED);
    // Read before the piece is taken: if taking it succeeds, these arguments belong to its job.
    const pieces = Atomics.load(words, WORD.pieces);
    if (n >= pieces) return;
    if (Atomics.compareExchange(next, 0, seen, seen + 1n) !== seen) continue;
    try {
      const args = Array.from(words.subarray(WORD.args, WORD.args + words[WORD.count]!));
      const from = n * words[WORD.piece]!;
      const to = Math.min(words[WORD.total]!, from + words[WORD.piece]!);
      kernelOf(words[WORD.kernel]!)(...args, from, to, thread);
    } catch {
      Atomics.store(words, WORD.failed, 1);
    }
    Atomics.add(words, WORD.done, 1);
    Atomics.notify(words, WORD.done);
  }
}
