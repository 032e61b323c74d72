import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import {
  type Exchange,
  FAILURE_BYTES,
  type Posted,
  regionBytes,
  WORD,
  WORDS,
  writeFailure,
} from '../../backend/communication/protocol.js';
import type { Link } from '../../backend/worker/link.js';
import { DeviceError, errorFromPlain, UsageError } from '../../errors/errors.js';
import { JoinError } from '../mpi/join-error.js';
import type { Launcher } from '../mpi/launcher.js';
import { exitNow, printNow } from './exit.js';
import { exitAtEnd, joined, printUncaught } from './leaving.js';
import type { Ending, Order, ThreadData, ThreadMessage } from './messages.js';

/** Interval of the main thread's heartbeat, in milliseconds. */
const ALIVE_MS = 250;
/** How long a process that is ending waits for its communication thread to end the job, in milliseconds. */
const LEAVE_MS = 6000;
/** The communication thread. */
const THREAD = new URL('./main.js', import.meta.url);

export type Ready = Extract<ThreadMessage, { kind: 'ready' }>;

interface Waiting {
  readonly region: SharedArrayBuffer;
  readonly resolve: (region: SharedArrayBuffer) => void;
  readonly reject: (error: Error) => void;
}

/** The main thread's side of the communication thread. */
export class Client {
  readonly ready: Ready;
  readonly #worker: Worker;
  readonly #words: Int32Array;
  readonly #data: ThreadData;
  readonly #lane: MessagePort;
  readonly #orders: MessagePort;
  /** The main thread's exchanges, which are answered in order. */
  readonly #waiting: Waiting[] = [];
  readonly #alive: NodeJS.Timeout;
  #failure: DeviceError | undefined;
  #ended: ((all: readonly Ending[] | undefined) => void) | undefined;
  #finished: (() => void) | undefined;
  #over = false;
  #uncaught: unknown;

  private constructor(
    ready: Ready,
    worker: Worker,
    data: ThreadData,
    { lane, orders }: { readonly lane: MessagePort; readonly orders: MessagePort },
  ) {
    this.ready = ready;
    this.#worker = worker;
    this.#data = data;
    this.#words = new Int32Array(data.words);
    this.#lane = lane;
    this.#orders = orders;
    this.#alive = setInterval(() => Atomics.add(this.#words, WORD.alive, 1), ALIVE_MS).unref();
    worker.on('message', (message: ThreadMessage) => this.#receive(message));
    lane.on('message', () => {
      const { region, resolve } = this.#waiting.shift()!;
      this.#rest();
      resolve(region);
    });
    lane.unref();
    worker.unref();
    process.on('exit', this.#leave);
    process.on('uncaughtExceptionMonitor', this.#remember);
  }

  /**
   * Starts the thread, which waits for all other ranks.
   * @param thread file of the thread
   * @throws UsageError if no library is found, or it does not fit the launcher
   * @throws JoinError if not all ranks join within the limit
   */
  static async start(
    launcher: Launcher,
    options: Pick<ThreadData, 'files' | 'self' | 'limits'>,
    thread: URL = THREAD,
  ): Promise<Client> {
    const [lane, orders] = [new MessageChannel(), new MessageChannel()];
    const data: ThreadData = {
      ...options,
      launcher,
      words: new SharedArrayBuffer(WORDS * 4),
      failure: new SharedArrayBuffer(FAILURE_BYTES),
      lane: lane.port2,
      orders: orders.port2,
    };
    const worker = new Worker(thread, {
      workerData: data,
      transferList: [lane.port2, orders.port2],
      execArgv: [],
    });
    const { joining } = options.limits;
    const { rank } = launcher;
    // The thread is blocked in MPI until all ranks have joined: without this, no signal could end the process.
    const stay = exitAtEnd(`rank ${rank ?? '?'} (${options.self.host})`);
    const message = await within(
      joining,
      new Promise<ThreadMessage>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      }),
    );
    if (!message) {
      worker.unref();
      throw new JoinError(launcher, joining);
    }
    stay();
    if (message.kind === 'refused') {
      await worker.terminate();
      throw errorFromPlain(message.error);
    }
    joined();
    return new Client(message as Ready, worker, data, { lane: lane.port1, orders: orders.port1 });
  }

  /** Microseconds that devices have waited for exchanges. */
  get waited(): number {
    return Atomics.load(this.#words, WORD.waited) >>> 0;
  }

  /** Microseconds in which an exchange of a device was in progress. */
  get exchanged(): number {
    return Atomics.load(this.#words, WORD.exchanged) >>> 0;
  }

  /**
   * Carries out an exchange of the main thread with the main threads of all other ranks.
   * @throws UsageError if another one is in progress
   */
  exchange(exchange: Exchange, fill: (region: SharedArrayBuffer) => void): Promise<SharedArrayBuffer> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#waiting.length > 0)
      return Promise.reject(
        new UsageError({
          what: `An exchange of ${exchange.label} begins before the one before it has ended`,
          expected: 'one exchange after another, in the same order on all ranks',
          got: 'two at once, which other ranks may begin in another order',
          next: 'await each call of the world before the next one',
        }),
      );
    const region = new SharedArrayBuffer(regionBytes(exchange, this.ready.size));
    fill(region);
    this.#lane.postMessage({ exchange, region } satisfies Posted);
    this.#wake();
    this.#lane.ref();
    return new Promise((resolve, reject) => this.#waiting.push({ region, resolve, reject }));
  }

  /** Opens a lane for a thread of this process. */
  link(lane: number): Link {
    const { rank, size } = this.ready;
    const { words, failure } = this.#data;
    const { port1, port2 } = new MessageChannel();
    this.#order({ kind: 'lane', lane, port: port2 }, [port2]);
    return { shared: { rank, size, lane, words, failure }, port: port1 };
  }

  unlink(lane: number): void {
    if (!this.#over) this.#order({ kind: 'lane', lane, port: undefined });
  }

  /**
   * Waits for all ranks to end.
   * @returns each rank's exit code and hash of its error; undefined if not all ranks end
   */
  async ending(code: number, digest: number): Promise<readonly Ending[] | undefined> {
    this.#order({ kind: 'ending', code, digest });
    this.#worker.ref();
    return new Promise((resolve) => {
      this.#ended = resolve;
    });
  }

  /**
   * Ends MPI; `abort` also ends the whole job, including this process. If MPI does not return within the limit of
   * silence, this process ends without it: for `abort` at once, otherwise when its program has ended.
   */
  async finish(how: 'finalize' | 'abort', code: number): Promise<void> {
    this.#order({ kind: 'finish', how, code });
    this.#worker.ref();
    const { silence } = this.#data.limits;
    const finished = new Promise<true>((resolve) => {
      this.#finished = () => resolve(true);
    });
    const returned = await within(silence, finished);
    if (!returned && how === 'abort') exitNow(code);
    this.#over = true;
    process.off('exit', this.#leave);
    process.off('uncaughtExceptionMonitor', this.#remember);
    clearInterval(this.#alive);
    this.#close();
    this.#lane.close();
    this.#orders.close();
    if (returned) {
      await this.#worker.terminate();
      return;
    }
    this.#worker.unref();
    exitAtEnd(this.#name);
    printNow(
      `note: ${this.#name}: MPI_Finalize has not returned within ${seconds(silence)}. All ranks have finished their work, so this one ends without it.`,
    );
  }

  /** Devices may still be asked for exchanges, to which nobody answers. */
  #close(): void {
    this.#failure ??= new DeviceError({
      what: 'An exchange with other ranks begins after world.close()',
      next: 'close the world after the last exchange',
    });
    writeFailure(this.#data, this.#failure.message);
  }

  get #name(): string {
    const { rank, size, processes } = this.ready;
    return `rank ${rank} of ${size} (${processes[rank]!.host})`;
  }

  #order(order: Order, transfer: MessagePort[] = []): void {
    this.#orders.postMessage(order, transfer);
    this.#wake();
  }

  #wake(): void {
    Atomics.add(this.#words, WORD.posted, 1);
    Atomics.notify(this.#words, WORD.posted);
  }

  /** Lets the program end if it waits for no exchange. */
  #rest(): void {
    if (this.#waiting.length === 0) this.#lane.unref();
  }

  #receive(message: ThreadMessage): void {
    if (message.kind === 'ended') this.#ended?.(message.all);
    else if (message.kind === 'finished') this.#finished?.();
    else {
      const text =
        message.kind === 'failed' ? message.text : message.kind === 'refused' ? message.error.what : '';
      this.#failure ??= new DeviceError({ what: text });
      for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
      this.#rest();
    }
  }

  /** Node prints an uncaught error only after its last event, when the job has already ended. */
  readonly #remember = (error: unknown): void => {
    this.#uncaught = error;
  };

  /** The process ends before the ranks have agreed to: the others must not wait for it. */
  readonly #leave = (code: number): void => {
    if (code !== 0) printUncaught(this.#name, this.#uncaught);
    Atomics.store(this.#words, WORD.abort, 1 + code);
    this.#wake();
    // The communication thread ends the process.
    Atomics.wait(this.#words, WORD.still, 0, LEAVE_MS);
    exitNow(code || 1);
  };
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;

/** The value of a promise; undefined if that takes longer. The time in which this process is stopped does not count. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    let left = ms;
    timer = setInterval(() => {
      left -= ALIVE_MS;
      if (left <= 0) resolve(undefined);
    }, ALIVE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearInterval(timer);
  }
}
