/** Entry point of a loader's worker thread: opens the data set, then assembles the requested batches. */
import { workerData } from 'node:worker_threads';
import { assembleBatch, type Batch } from './batch.js';
import { openWorkerSpec, type WorkerSpec } from './dataset.js';
import { answerRequests } from './worker-answers.js';

export interface BatchRequest {
  readonly index: number;
  readonly indices: Int32Array;
}

const opening = openWorkerSpec(workerData as WorkerSpec);
// If opening fails, each request rejects with the error. Until the first request the rejection must not end the thread.
opening.catch(() => {});

answerRequests<BatchRequest, Batch>(
  async ({ index, indices }) => assembleBatch(await opening, indices, index),
  ({ images, labels }) => [images.buffer, labels.buffer],
);
