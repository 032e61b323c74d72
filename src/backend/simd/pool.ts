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
/** A piece takes far less than a millisecond: a thread that has not finished after this time has died. */
const PATIENCE_MS = 60_000;

/** Elementwise kernels on one WebAssembly memory, and the threads that run them. A pool belongs to one thread. */
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
    return this.#known(shape, () => encodeKernel(shape, this.pages));
  }

  /** The id of a reduction kernel, which is compiled at the first call. */
  reduction(shape: ReductionShape): number {
    return this.#known(shape, () => encodeReduction(shape, this.pages));
  }

  #known(shape: KernelShape | ReductionShape, encode: () => Uint8Array<ArrayBuffer>): number {
    const key = JSON.stringify(shape);
    let id = this.#byKey.get(key);
    if (id === undefined) {
      const module = encode();
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
    if (this.threads < 2 || total < 2 || total * inner < SHARED_FROM) {
      this.#runs[id]!(...addresses, 0, total);
      return;
    }
    const workers = (this.#workers ??= this.#start());
    for (const one of workers)
      for (; one.sent < this.#modules.length; one.sent++)
        one.port.postMessage({ id: one.sent, module: this.#modules[one.sent]! });
    // Pieces are whole vectors, so that elements of one cache line belong to one thread.
    const piece = grain * Math.ceil(PIECE / inner / grain);
    const { words } = this.#control;
    publish(this.#control, ++this.#jobs, id, total, piece, addresses);
    Atomics.add(words, WORD.wake, 1);
    Atomics.notify(words, WORD.wake);
    work(this.#control, (n) => this.#runs[n]!);
    const pieces = words[WORD.pieces]!;
    for (let done = Atomics.load(words, WORD.done); done < pieces; done = Atomics.load(words, WORD.done))
      if (Atomics.wait(words, WORD.done, done, PATIENCE_MS) === 'timed-out') this.#failed();
    if (Atomics.exchange(words, WORD.failed, 0) !== 0) this.#failed();
  }

  #failed(): never {
    throw new DeviceError({
      what: 'A thread of the device failed during an elementwise operation',
      expected: `${this.threads} running threads`,
      next: 'open the device again, with fewer threads if memory is short',
    });
  }

  #start() {
    return Array.from({ length: this.threads - 1 }, () => {
      const { port1, port2 } = new MessageChannel();
      const worker = new Worker(new URL('./worker.js', import.meta.url), {
        workerData: { control: this.#buffer, memory: this.memory, kernels: port2 },
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
