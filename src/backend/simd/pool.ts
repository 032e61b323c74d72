import { DeviceError } from '../../errors/errors.js';
import { listed } from '../../ops/formula.js';
import { instantiate, type LoadKernel, type Memory, type Run } from '../../webassembly/runtime.js';
import {
  type BoundCall,
  boundCall,
  type Call,
  type Control,
  controlBytes,
  controlOf,
  fits,
  type Place,
  poll,
  publish,
  runCalls,
  WORD,
  work,
} from './jobs.js';
import { encodeKernel, type KernelShape } from './kernel.js';
import { encodeReduction, type ReductionShape } from './reduction.js';
import type { StartThread, Thread } from './threads/serve.js';

/** Scratch memory of different threads lies in different cache lines: their bytes. */
export const CACHE_LINE = 64;
/** Products that take as long as one element of an elementwise operation. */
export const PRODUCTS_PER_ELEMENT = 16;
/** Below this many elements, one thread finishes before another has woken up. */
const SHARED_FROM = 2 ** 15;
/** Approximate elements per piece: some tens of microseconds, and few enough to stay in cache. */
export const PIECE = 2 ** 14;
/** A piece takes a few milliseconds at most: a thread that has not finished after this time has died. */
const PATIENCE_MS = 60_000;
/**
 * Longest wait without a look at the clock. Patience is the sum of such waits, so that the time for which the process was
 * stopped (Ctrl-Z) or the machine slept does not count: after it the threads continue as well.
 */
const WAIT_MS = 1000;
/** Space for modules of kernels; the largest has some tens of KiB. */
const MODULE_BYTES = 2 ** 22;

/** How much kernels compute, and how it is divided. */
export interface Work {
  /** Size of the range. */
  readonly total: number;
  /** How much of the range a thread takes at a time. */
  readonly piece: number;
  /** The work, in elements of an elementwise operation: little work stays on one thread. */
  readonly elements: number;
}

/** The threads of a pool, without the calling one. */
interface Team {
  readonly control: Control;
  readonly module: Uint8Array;
  /** Where modules lie in `module`, by kernel. */
  readonly places: Map<number, Place>;
  readonly threads: readonly Thread[];
}

/** JSON writes −0 as 0, and NaN and ∞ as null. Here they stay distinct, since such formulas are different kernels. */
const distinct = (_: string, value: unknown): unknown =>
  typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))
    ? `${1 / value}/${value}`
    : value;

/** Kernels on one WebAssembly memory, and the threads that run them. A pool belongs to one thread. */
export class KernelPool {
  readonly #runs: Run[] = [];
  readonly #modules: Uint8Array<ArrayBuffer>[] = [];
  readonly #byKey = new Map<string, number>();
  #team: Team | undefined;
  #jobs = 0;
  #failure: DeviceError | undefined;

  /**
   * @param pages maximum size of the shared memory, in pages of 64 KiB; 0 for a memory that is not shared
   * @param threads number of threads that compute, including the calling thread
   * @param start how to start a thread; without it, the calling thread computes alone
   * @param patience milliseconds after which a thread that has not finished counts as dead
   * @param load makes kernels from their modules, as the threads do
   */
  constructor(
    readonly memory: Memory,
    readonly pages: number,
    readonly threads: number,
    readonly start?: StartThread,
    readonly patience = PATIENCE_MS,
    readonly load: LoadKernel = instantiate,
  ) {}

  /** The id of a kernel, which is compiled at the first call. */
  kernel(shape: KernelShape): number {
    return this.compile({ ...shape, formula: listed(shape.formula) }, (pages) => encodeKernel(shape, pages));
  }

  /** The id of a reduction kernel, which is compiled at the first call. */
  reduction(shape: ReductionShape): number {
    return this.compile({ ...shape, formula: listed(shape.formula) }, (pages) =>
      encodeReduction(shape, pages),
    );
  }

  /**
   * The id of a kernel of any kind, which is compiled at the first call.
   *
   * @param shape plain data that identifies the kernel
   * @param encode makes the module for a memory of this many pages
   */
  compile(shape: object, encode: (pages: number) => Uint8Array<ArrayBuffer>): number {
    const key = JSON.stringify(shape, distinct);
    let id = this.#byKey.get(key);
    if (id === undefined) {
      const module = encode(this.pages);
      id = this.#runs.push(this.load(module, this.memory)) - 1;
      this.#modules.push(module);
      this.#byKey.set(key, id);
    }
    return id;
  }

  /**
   * Runs a kernel over [0, total), on all threads if there is enough to do.
   *
   * @param args the kernel's first arguments; its range and the thread's number follow
   * @param piece how much of the range a thread takes at a time
   * @param elements the work, in elements of an elementwise operation
   * @throws DeviceError if a thread failed or died during the computation
   */
  share(id: number, args: readonly number[], total: number, piece: number, elements: number): void {
    this.prepare([{ kernel: id, args, scale: 1 }], { total, piece, elements })();
  }

  /**
   * A function that runs kernels over [0, total), piece by piece: all kernels on one piece, then on the next. So each
   * kernel finds the results before it in the cache. It throws a DeviceError if a thread failed or died.
   */
  prepare(calls: readonly Call[], { total, piece, elements }: Work): () => void {
    const runs = calls.map(({ kernel, args, scale }) => boundCall(this.#runs[kernel]!, args, scale));
    if (this.divides(elements) && total > piece && this.fits(calls))
      return () => this.#share(calls, runs, total, piece);
    // On one thread only a chain is cut into pieces; a single kernel runs over the whole range.
    const most = calls.length > 1 ? piece : total;
    return () => {
      if (this.#failure) throw this.#failure;
      for (let from = 0; from < total; from += most) runCalls(runs, from, Math.min(total, from + most), 0);
    };
  }

  #share(calls: readonly Call[], runs: readonly BoundCall[], total: number, piece: number): void {
    if (this.#failure) throw this.#failure;
    const team = (this.#team ??= this.#gather(this.start!));
    const { control } = team;
    const { words } = control;
    publish(control, ++this.#jobs, calls, total, piece, () => this.#placesOf(calls, team));
    Atomics.add(words, WORD.wake, 1);
    Atomics.notify(words, WORD.wake);
    work(control, () => runs, 0);
    this.#await(words);
    if (Atomics.exchange(words, WORD.failed, 0) !== 0) this.#failed();
  }

  /**
   * Where the threads find the modules of kernels. Each stays where it was put, until there is no room for another one:
   * then all begin anew.
   */
  #placesOf(calls: readonly Call[], { module, places }: Team): Place[] {
    const sizeOf = (kernels: readonly number[]): number =>
      kernels.reduce((sum, kernel) => sum + this.#modules[kernel]!.length, 0);
    const missing = sizeOf(calls.flatMap(({ kernel }) => (places.has(kernel) ? [] : [kernel])));
    let at = missing > 0 ? sizeOf([...places.keys()]) : 0;
    if (at + missing > MODULE_BYTES) {
      places.clear();
      at = 0;
    }
    return calls.map(({ kernel }) => {
      let place = places.get(kernel);
      if (!place) {
        const code = this.#modules[kernel]!;
        module.set(code, at);
        place = { at, bytes: code.length };
        places.set(kernel, place);
        at += code.length;
      }
      return place;
    });
  }

  /**
   * Runs the kernels of a plan, which follow each other: between them the threads poll longer before they sleep. Not where
   * threads of a library compute in between.
   */
  during<T>(body: () => T): T {
    const words = this.#team?.control.words;
    if (!words) return body();
    Atomics.store(words, WORD.active, 1);
    try {
      return body();
    } finally {
      Atomics.store(words, WORD.active, 0);
    }
  }

  /** Whether the threads can get these calls and the kernels' modules. */
  fits(calls: readonly Call[]): boolean {
    const bytes = calls.reduce((sum, { kernel }) => sum + this.#modules[kernel]!.length, 0);
    return bytes <= MODULE_BYTES && fits(calls);
  }

  /** Whether work of this size, in elements of an elementwise operation, is shared between threads. */
  divides(elements: number): boolean {
    return this.start !== undefined && this.threads > 1 && elements >= SHARED_FROM;
  }

  /** Waits until all pieces of the job are done. */
  #await(words: Int32Array): void {
    const pieces = words[WORD.pieces]!;
    const most = Math.min(WAIT_MS, this.patience);
    let waited = 0;
    for (let done = Atomics.load(words, WORD.done); done < pieces; done = Atomics.load(words, WORD.done)) {
      if (waited > this.patience) this.#failed();
      const started = performance.now();
      poll(words, WORD.done, done);
      if (MAY_WAIT) Atomics.wait(words, WORD.done, done, most);
      waited += Math.min(most, performance.now() - started);
    }
  }

  /** A thread that is late may still be computing a piece, so the memory is not used any more. */
  #failed(): never {
    this.#failure = new DeviceError({
      what: 'A thread of the device failed during a vector kernel',
      expected: `${this.threads} running threads`,
      next: 'open the device again, with fewer threads if memory is short',
    });
    throw this.#failure;
  }

  /** Whether a thread has failed; it may still write into the memory. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  #gather(start: StartThread): Team {
    const control = new SharedArrayBuffer(controlBytes(this.threads));
    const module = new SharedArrayBuffer(MODULE_BYTES);
    const threads = Array.from({ length: this.threads - 1 }, (_, k) =>
      start({ control, module, memory: this.memory, thread: k + 1 }),
    );
    return { control: controlOf(control), module: new Uint8Array(module), places: new Map(), threads };
  }

  close(): void {
    if (!this.#team) return;
    const { control, threads } = this.#team;
    Atomics.store(control.words, WORD.stop, 1);
    Atomics.add(control.words, WORD.wake, 1);
    Atomics.notify(control.words, WORD.wake);
    for (const thread of threads) thread.stop();
    this.#team = undefined;
  }
}

/** The main thread of a page may not block, so it polls until the last piece is done. */
const MAY_WAIT = mayWait();
function mayWait(): boolean {
  if (typeof SharedArrayBuffer !== 'function') return false;
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
    return true;
  } catch {
    return false;
  }
}
