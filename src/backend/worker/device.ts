import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { DeviceError, errorFromPlain } from '../../errors/errors.js';
import type { EngineInfo, ProcessorPrecision } from '../backend.js';
import { closedError, QueuedDevice } from '../device.js';
import type { EngineName } from '../device-names.js';
import type { Reply, Request } from '../executor.js';
import { giveLinkBack, type Link, takeLink } from './link.js';
import { RunSender } from './runs.js';

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
  /** The thread no longer reads what the request refers to. */
  readonly release: (() => void) | undefined;
}

/** Runs an engine in a worker thread, so that long runs do not block the event loop. */
export class WorkerDevice extends QueuedDevice {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #runs = new RunSender();
  readonly #link: Link | undefined;
  #nextId = 0;
  #ended: DeviceError | undefined;
  #closing = false;
  #closed: Promise<void> | undefined;

  private constructor(kind: EngineName, threads: number, precision: ProcessorPrecision) {
    super(kind);
    this.#link = takeLink();
    this.#worker = new Worker(new URL('./host.js', import.meta.url), {
      workerData: { engine: kind, threads, precision, link: this.#link },
      transferList: this.#link ? [this.#link.port] : [],
      // The worker must not inherit the program's flags: with --input-type it could not run a file.
      execArgv: [],
    });
    this.#worker.on('message', ({ id, reply, error }) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      waiting?.release?.();
      if (error) waiting?.reject(errorFromPlain(error));
      else waiting?.resolve(reply);
      // An idle device must not keep the process from ending.
      if (this.#waiting.size === 0) this.#worker.unref();
    });
    const end = (error: DeviceError) => {
      // A thread that fails ends afterwards: the first error says why.
      this.#ended ??= error;
      for (const { reject } of this.#waiting.values()) reject(this.#ended);
      this.#waiting.clear();
    };
    const lost = (got: string, cause?: unknown) =>
      new DeviceError({
        what: `The ${kind} device's thread has ended, and with it all values on the device`,
        expected: 'a thread that runs until the device is closed',
        got,
        next: 'open the device again; a training continues from its latest checkpoint with --resume',
        cause,
      });
    this.#worker.on('error', (error) => end(lost(error.message, error)));
    this.#worker.on('exit', (code) => end(this.#closing ? closedError(kind) : lost(`exit code ${code}`)));
  }

  /**
   * Starts the thread and waits until its engine is ready.
   * @param threads number of CPU threads for the engine; all cores by default
   * @param precision number type of large layers; only onednn supports others than float32
   * @throws DeviceError if the engine cannot start, with the command that installs what is missing
   */
  static async open(
    kind: EngineName,
    { threads = availableParallelism(), precision = 'float32' as ProcessorPrecision } = {},
  ): Promise<WorkerDevice> {
    // Read once, when the OpenMP runtime loads. By default its threads busy-wait for each other; on a busy machine
    // they would then occupy the core that the slowest of them needs. Polling for some 40 µs, about as long as it takes to
    // wake up a thread, spares most of the pauses between primitives.
    if (kind === 'onednn' && process.env.OMP_WAIT_POLICY === undefined) {
      process.env.OMP_WAIT_POLICY = 'passive';
      process.env.GOMP_SPINCOUNT ??= '3000';
    }
    const device = WorkerDevice.#start(kind, threads, precision);
    try {
      await device.#expect<EngineInfo>(-1);
    } catch (error) {
      if (device.#link) giveLinkBack();
      throw error;
    }
    return device;
  }

  /** @throws DeviceError if the system starts no more threads */
  static #start(kind: EngineName, threads: number, precision: ProcessorPrecision): WorkerDevice {
    try {
      return new WorkerDevice(kind, threads, precision);
    } catch (cause) {
      throw new DeviceError({
        what: `The ${kind} device's thread does not start`,
        expected: 'one more thread',
        got: (cause as Error).message,
        next: 'end other programs, or raise the limit of processes (ulimit -u, or that of the container)',
        cause,
      });
    }
  }

  protected send(request: Request): Promise<Reply> {
    if (this.#ended)
      return request.kind === 'free' ? Promise.resolve(undefined) : Promise.reject(this.#ended);
    const id = this.#nextId++;
    if ('feeds' in request) {
      const { message, release } = this.#runs.message(request);
      this.#worker.postMessage({ id, request: message });
      return this.#expect(id, release);
    }
    if (request.kind === 'forget') this.#runs.forget(request.plan);
    this.#worker.postMessage({ id, request });
    return this.#expect(id);
  }

  #expect<T extends Reply>(id: number, release?: () => void): Promise<T> {
    if (this.#waiting.size === 0) this.#worker.ref();
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (reply: Reply) => void, reject, release });
    });
  }

  /** Calls while it closes wait for the same end. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#ended) return;
    await this.sent();
    // Before the request: the thread may end as soon as it has answered.
    this.#closing = true;
    await this.send({ kind: 'close' });
    await this.#worker.terminate();
    if (this.#link) giveLinkBack();
  }
}
