/** The inside of a loader's worker thread: opens the data set, then assembles the batches that it is asked for. */
import { workerData } from 'node:worker_threads';
import { assembleBatch, type Batch } from './batch.js';
import { openWorkerSpec, type WorkerSpec } from './dataset.js';
import { answerRequests } from './worker-answers.js';

export interface BatchRequest {
  readonly index: number;
  readonly indices: Int32Array;
}

const opening = openWorkerSpec(workerData as WorkerSpec);
// Every request reports a failure to open; until the first one it must not end the thread.
opening.catch(() => {});

answerRequests<BatchRequest, Batch>(
  async ({ index, indices }) => assembleBatch(await opening, indices, index),
  ({ images, labels }) => [images.buffer, labels.buffer],
);
