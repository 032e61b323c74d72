import { Worker } from 'node:worker_threads';
import { DataError, errorFromPlain } from '../errors/errors.js';
import type { WorkerReply, WorkerRequest } from './worker-answers.js';

interface Waiting<Answer> {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

interface Entry<Answer> {
  worker: Worker;
  /** Pending requests, keyed by their number. */
  waiting: Map<number, Waiting<Answer>>;
  failed?: Error;
}

export interface WorkerPoolOptions {
  /** Module that the threads run; it calls `answerRequests`. */
  readonly module: URL;
  readonly count: number;
  /** `workerData` of each thread. */
  readonly data?: unknown;
  /** Advice of the error if a thread ends unexpectedly. */
  readonly next?: string;
}

/** A pool of threads; each answers its requests in order. */
export class WorkerPool<Question, Answer> {
  readonly #workers: Entry<Answer>[] = [];
  #asked = 0;
  #waiters = 0;

  constructor({ module, count, data, next }: WorkerPoolOptions) {
    // Without execArgv a thread inherits the flags of `node --input-type=module -e …` and then rejects them. Other flags
    // must not be listed: they are inherited anyway, and Node 24 rejects those of its test runner if they are.
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
        fail(new DataError({ what: `a data worker failed: ${error.message}`, cause: error }));
      });
      worker.on('exit', (code) => {
        const what = 'a data worker ended before its work was done';
        fail(new DataError({ what, got: `exit code ${code}`, ...(next ? { next } : {}) }));
      });
      this.#workers.push(entry);
    }
    for (const { worker } of this.#workers) worker.unref();
  }

  /** Whether a thread has ended unexpectedly; its requests then fail. */
  get failed(): boolean {
    return this.#workers.some(({ failed }) => failed);
  }

  /**
   * Sends a request to the thread with the fewest pending ones. A rejection that the caller ignores is not reported as
   * unhandled.
   *
   * @param handedOver buffers of the request to transfer instead of copy
   */
  request(question: Question, handedOver: ArrayBuffer[] = []): Promise<Answer> {
    const id = this.#asked++;
    // Round robin among the threads with the fewest pending requests.
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

  /** Waits for an answer and keeps the process alive meanwhile. */
  async waitFor(answer: Promise<Answer>): Promise<Answer> {
    if (this.#waiters++ === 0) for (const { worker } of this.#workers) worker.ref();
    try {
      return await answer;
    } finally {
      // Idle threads must not keep the process alive if the pool is never closed.
      if (--this.#waiters === 0) for (const { worker } of this.#workers) worker.unref();
    }
  }

  /** Ends all threads; resolves once they have exited. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map(({ worker }) => worker.terminate()));
  }
}
