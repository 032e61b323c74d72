import type { Run } from './webassembly.js';

/*
 * How threads share one job: a kernel, its addresses, and a range of its outermost dimension in pieces. The control
 * block is a few words of shared memory. Pieces are taken one by one, so that a thread that the system lets wait holds
 * nobody up; a piece counts for one job only, so that a thread that wakes late takes none of the next job by mistake.
 */

/** Int32 words of the control block, after `NEXT`, which is the first 64-bit word. */
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
  args: 11,
} as const;
export const WORDS = 64;
/** Job and piece in one 64-bit word: the job in the upper half, its next piece in the lower. */
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

/** Publishes a job that `work` can then take pieces of. Only when all pieces of the one before are done. */
export function publish(
  { words, next }: Control,
  job: number,
  kernel: number,
  total: number,
  piece: number,
  args: readonly number[],
): void {
  // No piece can be taken while the words change, not even by a thread that still looks at the last job.
  Atomics.store(next, 0, (BigInt(job) << SHIFT) | CLOSED);
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

/** Computes pieces of the current job until none is left. @param kernelOf the kernel by its number */
export function work({ words, next }: Control, kernelOf: (id: number) => Run): void {
  for (;;) {
    const seen = Atomics.load(next, 0);
    const n = Number(seen & CLOSED);
    // Read before the piece is taken: if it is, they were those of its job.
    const pieces = Atomics.load(words, WORD.pieces);
    if (n >= pieces) return;
    if (Atomics.compareExchange(next, 0, seen, seen + 1n) !== seen) continue;
    try {
      const args = Array.from(words.subarray(WORD.args, WORD.args + words[WORD.count]!));
      const from = n * words[WORD.piece]!;
      const to = Math.min(words[WORD.total]!, from + words[WORD.piece]!);
      kernelOf(words[WORD.kernel]!)(...args, from, to);
    } catch {
      Atomics.store(words, WORD.failed, 1);
    }
    Atomics.add(words, WORD.done, 1);
    Atomics.notify(words, WORD.done);
  }
}
