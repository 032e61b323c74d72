import { Worker } from 'node:worker_threads';
import type { StartThread } from './serve.js';

/** Starts a worker thread of Node, which does not keep the process from ending. */
export const startNodeThread: StartThread = (data) => {
  const worker = new Worker(new URL('./node-worker.js', import.meta.url), {
    workerData: data,
    execArgv: [],
  });
  worker.unref();
  worker.on('error', () => {});
  return { stop: () => void worker.terminate() };
};
