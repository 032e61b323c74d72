import { Worker } from 'node:worker_threads';
import type { StartThread } from './serve.js';

/**
 * Starts worker threads of Node, which do not keep the process from ending.
 * @param file the thread's program, which calls `serve`
 * @param more further data for it
 */
export const startNodeThreads =
  (file: URL, more: object = {}): StartThread =>
  (data) => {
    try {
      const worker = new Worker(file, { workerData: { ...data, ...more }, execArgv: [] });
      worker.unref();
      worker.on('error', () => {});
      return { stop: () => void worker.terminate() };
    } catch {
      // The system starts no more threads.
      return { stop: () => {} };
    }
  };

/** Starts a worker thread that runs WebAssembly kernels. */
export const startNodeThread: StartThread = startNodeThreads(new URL('./node-worker.js', import.meta.url));
