import { Worker } from 'node:worker_threads';
import { DataError, errorFromPlain } from '../errors/errors.js';
import type { WorkerReply, WorkerRequest } from './worker-answers.js';

interface Waiting<Answer> {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

interface Entry<Answer> {
  worker: Worker;
  /** By number of the request. */
  waiting: Map<number, Waiting<Answer>>;
  failed?: Error;
}

export interface WorkerPoolOptions {
  /** The module of the threads; it calls `answerRequests`. */
  readonly module: URL;
  readonly count: number;
  /** Given to each thread as it starts. */
  readonly data?: unknown;
  /** What a user can do when a thread ends by itself. */
  readonly next?: string;
}

/** Threads that answer requests, each one after another. */
export class WorkerPool<Question, Answer> {
  readonly #workers: Entry<Answer>[] = [];
  #asked = 0;
  #waiters = 0;

  constructor({ module, count, data, next }: WorkerPoolOptions) {
    // A thread inherits the flags of `node --input-type=module -e …`, which it then refuses.
    // Other flags come along by themselves; given by hand, Node 24 refuses those of its own test runner.
    const inline = process.execArgv.some((flag) => flag.startsWith('--input-type'));
    for (let i = 0; i < count; i++) {
      const worker = new Worker(module, { workerData: data, ...(inline ? { execArgv: [] } : {}) });
      const entry: Entry<Answer> = { worker, waiting: new Map() };
      const fail = (error: Error) => {
        entry.failed ??= error;
        for (const { reject } of entry.waiting.values()) reject(entry.failed);
        entry.waiting.clear();
      };
      worker.on('message', (reply: WorkerReply<Answer>) => {
        const waiting = entry.waiting.get(reply.id);
        entry.waiting.delete(reply.id);
        if ('error' in reply) waiting?.reject(errorFromPlain(reply.error));
        else waiting?.resolve(reply.answer);
      });
      worker.on('error', (error) => {
        fail(new DataError({ what: `a data worker broke down: ${error.message}`, cause: error }));
      });
      worker.on('exit', (code) => {
        const what = 'a data worker ended before its work was done';
        fail(new DataError({ what, got: `exit code ${code}`, ...(next ? { next } : {}) }));
      });
      this.#workers.push(entry);
    }
    for (const { worker } of this.#workers) worker.unref();
  }

  /** Whether a thread has ended by itself, so that some requests are refused. */
  get failed(): boolean {
    return this.#workers.some(({ failed }) => failed);
  }

  /**
   * Asks the thread with the least to do. The promise may be left alone: it never counts as unhandled.
   *
   * @param handedOver buffers of the question that the thread gets instead of copies
   */
  request(question: Question, handedOver: ArrayBuffer[] = []): Promise<Answer> {
    const id = this.#asked++;
    // In turn, unless one has less to do.
    let entry = this.#workers[id % this.#workers.length]!;
    for (const other of this.#workers) if (other.waiting.size < entry.waiting.size) entry = other;
    const answer = new Promise<Answer>((resolve, reject) => {
      if (entry.failed) return reject(entry.failed);
      entry.waiting.set(id, { resolve, reject });
      entry.worker.postMessage({ id, question } satisfies WorkerRequest<Question>, handedOver);
    });
    answer.catch(() => {});
    return answer;
  }

  /** Waits for what was requested, and keeps the process alive until it is there. */
  async waitFor(answer: Promise<Answer>): Promise<Answer> {
    if (this.#waiters++ === 0) for (const { worker } of this.#workers) worker.ref();
    try {
      return await answer;
    } finally {
      // Threads without work must not keep a process alive whose consumer forgot them.
      if (--this.#waiters === 0) for (const { worker } of this.#workers) worker.unref();
    }
  }

  /** Ends all threads; resolves when they are gone. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map(({ worker }) => worker.terminate()));
  }
}
