import { Worker } from 'node:worker_threads';
import { DataError, errorFromPlain } from '../errors.js';
import type { Batch } from './batch.js';
import type { WorkerSpec } from './dataset.js';
import type { BatchReply, BatchRequest } from './loader-worker.js';

interface Waiting {
  resolve: (batch: Batch) => void;
  reject: (error: Error) => void;
}

interface Entry {
  worker: Worker;
  /** By batch. */
  waiting: Map<number, Waiting>;
  failed?: Error;
}

/** Threads that assemble batches for a loader. */
export class WorkerPool {
  readonly #workers: Entry[] = [];
  #next = 0;

  /** Starts `count` threads, each of which opens the data set for itself. */
  constructor(spec: WorkerSpec, count: number) {
    // A thread inherits the flags of `node --input-type=module -e …`, which it then refuses.
    // Other flags come along by themselves; given by hand, Node 24 refuses those of its own test runner.
    const inline = process.execArgv.some((flag) => flag.startsWith('--input-type'));
    for (let i = 0; i < count; i++) {
      const worker = new Worker(new URL('./loader-worker.js', import.meta.url), {
        workerData: spec,
        ...(inline ? { execArgv: [] } : {}),
      });
      const entry: Entry = { worker, waiting: new Map() };
      const fail = (error: Error) => {
        entry.failed ??= error;
        for (const { reject } of entry.waiting.values()) reject(entry.failed);
        entry.waiting.clear();
      };
      worker.on('message', (reply: BatchReply) => {
        const waiting = entry.waiting.get(reply.index);
        entry.waiting.delete(reply.index);
        if ('error' in reply) waiting?.reject(errorFromPlain(reply.error));
        else waiting?.resolve(reply);
      });
      worker.on('error', (error) => {
        fail(new DataError({ what: `a data worker broke down: ${error.message}`, cause: error }));
      });
      worker.on('exit', (code) => {
        const next = 'use workers: 0 to see the error itself';
        fail(
          new DataError({
            what: 'a data worker ended before its work was done',
            got: `exit code ${code}`,
            next,
          }),
        );
      });
      this.#workers.push(entry);
    }
  }

  /** Asks the next thread in turn for a batch. The promise may be left alone: it never counts as unhandled. */
  request(index: number, indices: Int32Array): Promise<Batch> {
    const entry = this.#workers[this.#next++ % this.#workers.length]!;
    const batch = new Promise<Batch>((resolve, reject) => {
      if (entry.failed) return reject(entry.failed);
      entry.waiting.set(index, { resolve, reject });
      entry.worker.postMessage({ index, indices } satisfies BatchRequest);
    });
    batch.catch(() => {});
    return batch;
  }

  /** Waits for a requested batch, and keeps the process alive until it is there. */
  async waitFor(batch: Promise<Batch>): Promise<Batch> {
    for (const { worker } of this.#workers) worker.ref();
    try {
      return await batch;
    } finally {
      // Threads without work must not keep a process alive whose consumer forgot the iterator.
      for (const { worker } of this.#workers) worker.unref();
    }
  }

  /** Ends all threads; resolves when they are gone. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map(({ worker }) => worker.terminate()));
  }
}
