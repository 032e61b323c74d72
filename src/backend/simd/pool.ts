import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { DeviceError } from '../../errors/errors.js';
import { type Control, controlOf, publish, WORD, WORDS, work } from './jobs.js';
import { encodeKernel, type KernelShape } from './kernel.js';
import { encodeReduction, type ReductionShape } from './reduction.js';
import { instantiate, type Memory, type Run } from './webassembly.js';

/** Below this many elements, one thread finishes before another has woken up. */
const SHARED_FROM = 2 ** 15;
/** Approximate elements per piece: some tens of microseconds, and few enough to stay in cache. */
const PIECE = 2 ** 14;
/** A piece takes a few milliseconds at most: a thread that has not finished after this time has died. */
const PATIENCE_MS = 60_000;

/** JSON writes −0 as 0, and NaN and ∞ as null: formulas that differ in them are different kernels. */
const distinct = (_: string, value: unknown): unknown =>
  typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))
    ? `${1 / value}/${value}`
    : value;

/** Kernels on one WebAssembly memory, and the threads that run them. A pool belongs to one thread. */
export class KernelPool {
  readonly #control: Control;
  readonly #buffer = new SharedArrayBuffer(4 * WORDS);
  readonly #runs: Run[] = [];
  readonly #modules: Uint8Array<ArrayBuffer>[] = [];
  readonly #byKey = new Map<string, number>();
  #workers: { readonly worker: Worker; readonly port: MessagePort; sent: number }[] | undefined;
  #jobs = 0;

  /**
   * @param memory shared WebAssembly memory
   * @param pages its maximum size, in pages of 64 KiB
   * @param threads number of threads that compute, including the calling thread
   */
  constructor(
    readonly memory: Memory,
    readonly pages: number,
    readonly threads: number,
  ) {
    this.#control = controlOf(this.#buffer);
  }

  /** The id of a kernel, which is compiled at the first call. */
  kernel(shape: KernelShape): number {
    return this.compile(shape, (pages) => encodeKernel(shape, pages));
  }

  /** The id of a reduction kernel, which is compiled at the first call. */
  reduction(shape: ReductionShape): number {
    return this.compile(shape, (pages) => encodeReduction(shape, pages));
  }

  /**
   * The id of a kernel of any kind, which is compiled at the first call.
   *
   * @param shape plain data that no other kernel has
   * @param encode makes the module for a memory of this many pages
   */
  compile(shape: object, encode: (pages: number) => Uint8Array<ArrayBuffer>): number {
    const key = JSON.stringify(shape, distinct);
    let id = this.#byKey.get(key);
    if (id === undefined) {
      const module = encode(this.pages);
      id = this.#runs.push(instantiate(module, this.memory)) - 1;
      this.#modules.push(module);
      this.#byKey.set(key, id);
    }
    return id;
  }

  /**
   * Runs a kernel, on all threads if it is large enough.
   *
   * @param addresses offsets of the inputs and the output in the memory
   * @param total size of the outermost dimension
   * @param inner number of elements per index of the outermost dimension
   * @param grain pieces are multiples of this number of indices
   * @throws DeviceError if a thread failed or died during the computation
   */
  run(id: number, addresses: readonly number[], total: number, inner: number, grain = 1): void {
    // Pieces are whole vectors, so that elements of one cache line belong to one thread.
    this.share(id, addresses, total, grain * Math.ceil(PIECE / inner / grain), total * inner);
  }

  /**
   * Runs a kernel over [0, total), on all threads if there is enough to do.
   *
   * @param args what the kernel takes before the range that it computes and the number of the thread that does it
   * @param piece how much of the range a thread takes at a time
   * @param elements the work, in elements of an elementwise operation
   * @throws DeviceError if a thread failed or died during the computation
   */
  share(id: number, args: readonly number[], total: number, piece: number, elements: number): void {
    if (!this.divides(elements) || total <= piece) {
      if (total > 0) this.#runs[id]!(...args, 0, total, 0);
      return;
    }
    const workers = (this.#workers ??= this.#start());
    for (const one of workers)
      for (; one.sent < this.#modules.length; one.sent++)
        one.port.postMessage({ id: one.sent, module: this.#modules[one.sent]! });
    const { words } = this.#control;
    publish(this.#control, ++this.#jobs, id, total, piece, args);
    Atomics.add(words, WORD.wake, 1);
    Atomics.notify(words, WORD.wake);
    work(this.#control, (n) => this.#runs[n]!, 0);
    const pieces = words[WORD.pieces]!;
    for (let done = Atomics.load(words, WORD.done); done < pieces; done = Atomics.load(words, WORD.done))
      if (Atomics.wait(words, WORD.done, done, PATIENCE_MS) === 'timed-out') this.#failed();
    if (Atomics.exchange(words, WORD.failed, 0) !== 0) this.#failed();
  }

  /** Whether so much work, in elements of an elementwise operation, is shared between threads. */
  divides(elements: number): boolean {
    return this.threads > 1 && elements >= SHARED_FROM;
  }

  #failed(): never {
    throw new DeviceError({
      what: 'A thread of the device failed during a vector kernel',
      expected: `${this.threads} running threads`,
      next: 'open the device again, with fewer threads if memory is short',
    });
  }

  #start() {
    return Array.from({ length: this.threads - 1 }, (_, k) => {
      const { port1, port2 } = new MessageChannel();
      const worker = new Worker(new URL('./worker.js', import.meta.url), {
        workerData: { control: this.#buffer, memory: this.memory, kernels: port2, thread: k + 1 },
        transferList: [port2],
        execArgv: [],
      });
      worker.unref();
      port1.unref();
      // If a thread cannot start, the others compute all pieces.
      worker.on('error', () => {});
      return { worker, port: port1, sent: 0 };
    });
  }

  close(): void {
    Atomics.store(this.#control.words, WORD.stop, 1);
    Atomics.add(this.#control.words, WORD.wake, 1);
    Atomics.notify(this.#control.words, WORD.wake);
    for (const { worker, port } of this.#workers ?? []) {
      port.close();
      void worker.terminate();
    }
    this.#workers = undefined;
  }
}
