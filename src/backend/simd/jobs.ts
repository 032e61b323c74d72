import type { Run } from '../../webassembly/runtime.js';

/*
 * How threads share a job: kernels that run one after another on each piece of a range. The control block is a few words
 * of shared memory. Threads take pieces one by one: first those of their own part of the range, whose values of the job
 * before are in their cache, then those that others have left, so a preempted thread does not delay the others. The
 * counters contain the job number, so a thread that wakes up late cannot take a piece of the next job.
 */

/** A kernel and its addresses. */
export interface Call {
  readonly kernel: number;
  readonly args: readonly number[];
  /** Number of indices of the kernel's range for each index of the job's range. */
  readonly scale: number;
}

/** Offset and size, in bytes, of a kernel's module in the shared memory for modules. */
export interface Place {
  readonly at: number;
  readonly bytes: number;
}

/** Indices of the int32 words of the control block. */
export const WORD = {
  wake: 2,
  done: 3,
  stop: 4,
  pieces: 5,
  piece: 6,
  total: 7,
  failed: 8,
  calls: 9,
  /** 1 while a plan runs whose kernels follow each other. */
  active: 10,
  first: 11,
} as const;
export const WORDS = 2048;
/** Words of a call before its arguments: kernel, scale, place of its module, number of arguments. */
const HEAD = 5;
/** A counter contains the job number in its upper 32 bits, and how many pieces were taken in its lower 32 bits. */
const SHIFT = 32n;
const CLOSED = 0xffffffffn;
/** Distance between the counters of two threads: a cache line. */
const COUNTER = 8;

export interface Control {
  readonly words: Int32Array;
  /** A counter for each thread's part of the pieces. */
  readonly next: BigInt64Array;
  readonly threads: number;
}

/** Bytes of the control block. */
export const controlBytes = (threads: number): number => 4 * WORDS + 8 * COUNTER * threads;

export const controlOf = (buffer: SharedArrayBuffer): Control => {
  const next = new BigInt64Array(buffer, 4 * WORDS);
  return { words: new Int32Array(buffer, 0, WORDS), next, threads: next.length / COUNTER };
};

/** Whether the calls of a job fit into the control block. */
export const fits = (calls: readonly Call[]): boolean =>
  WORD.first + calls.reduce((n, { args }) => n + HEAD + args.length, 0) <= WORDS;

/**
 * Publishes a job, whose pieces threads take in `work`. All pieces of the previous job must be done.
 * @param prepare writes the modules of the calls' kernels into shared memory, and returns their places
 */
export function publish(
  { words, next, threads }: Control,
  job: number,
  calls: readonly Call[],
  total: number,
  piece: number,
  prepare: () => readonly Place[],
): void {
  // CLOSED keeps threads from taking a piece while the words change, even a thread that is still in the last job.
  const store = (count: bigint): void => {
    for (let t = 0; t < threads; t++) Atomics.store(next, COUNTER * t, (BigInt(job) << SHIFT) | count);
  };
  store(CLOSED);
  const places = prepare();
  words[WORD.total] = total;
  words[WORD.piece] = piece;
  words[WORD.pieces] = Math.ceil(total / piece);
  words[WORD.calls] = calls.length;
  let at: number = WORD.first;
  calls.forEach(({ kernel, args, scale }, k) => {
    words.set([kernel, scale, places[k]!.at, places[k]!.bytes, args.length, ...args], at);
    at += HEAD + args.length;
  });
  Atomics.store(words, WORD.done, 0);
  store(0n);
}

/** About as long as it takes to wake up a thread that sleeps. */
const POLLING_MS = 0.03;
/** The same while a plan runs: longer than most of what one thread does between two kernels of all threads. */
const POLLING_IN_PLAN_MS = 0.3;

/** Waits a short time for a word to change, before a thread sleeps: the next kernel often follows at once. */
export function poll(words: Int32Array, index: number, value: number): void {
  const started = performance.now();
  for (;;) {
    for (let k = 0; k < 64; k++) if (Atomics.load(words, index) !== value) return;
    const limit = Atomics.load(words, WORD.active) === 0 ? POLLING_MS : POLLING_IN_PLAN_MS;
    if (performance.now() - started > limit) return;
  }
}

/** A call of a compiled kernel. */
export interface BoundCall {
  readonly run: (from: number, to: number, thread: number) => void;
  readonly scale: number;
}

export const boundCall = (run: Run, args: readonly number[], scale: number): BoundCall => ({
  // A function that has its arguments is called three times as fast as one to which they are passed as a list.
  run: run.bind(undefined, ...args),
  scale,
});

/**
 * The calls of the current job.
 * @param kernelOf returns a kernel by its id, or compiles its module
 */
export function readCalls(words: Int32Array, kernelOf: (id: number, module: Place) => Run): BoundCall[] {
  const calls: BoundCall[] = [];
  for (let at: number = WORD.first; calls.length < words[WORD.calls]!; ) {
    const [kernel, scale, place, bytes, count] = words.subarray(at, at + HEAD);
    const run = kernelOf(kernel!, { at: place!, bytes: bytes! });
    calls.push(boundCall(run, Array.from(words.subarray(at + HEAD, at + HEAD + count!)), scale!));
    at += HEAD + count!;
  }
  return calls;
}

/** Runs the calls of a job for the range [from, to). */
export function runCalls(calls: readonly BoundCall[], from: number, to: number, thread: number): void {
  for (const { run, scale } of calls) run(from * scale, to * scale, thread);
}

/**
 * Computes pieces of the current job until none is left.
 *
 * @param callsOf returns the calls of the current job
 * @param thread number of this thread; kernels get it as their last argument, to find the scratch memory of this
 *   thread
 */
export function work(
  { words, next, threads }: Control,
  callsOf: () => readonly BoundCall[],
  thread: number,
): void {
  let job: bigint | undefined;
  let calls: readonly BoundCall[] = [];
  for (let turn = 0; turn < threads; ) {
    const owner = (thread + turn) % threads;
    const seen = Atomics.load(next, COUNTER * owner);
    const n = Number(seen & CLOSED);
    // Read before the piece is taken: if taking it succeeds, these arguments belong to its job.
    const pieces = Atomics.load(words, WORD.pieces);
    const [first, end] = [owner, owner + 1].map((part) => Math.floor((part * pieces) / threads)) as [
      number,
      number,
    ];
    if (n >= end - first) {
      turn++;
      continue;
    }
    if (Atomics.compareExchange(next, COUNTER * owner, seen, seen + 1n) !== seen) continue;
    try {
      if (job !== seen >> SHIFT) {
        calls = callsOf();
        job = seen >> SHIFT;
      }
      const from = (first + n) * words[WORD.piece]!;
      runCalls(calls, from, Math.min(words[WORD.total]!, from + words[WORD.piece]!), thread);
    } catch {
      Atomics.store(words, WORD.failed, 1);
    }
    Atomics.add(words, WORD.done, 1);
    Atomics.notify(words, WORD.done);
  }
}
