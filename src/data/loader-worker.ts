/** The inside of a loader's worker thread: opens the data set, then answers requests for batches in turn. */
import { parentPort, workerData } from 'node:worker_threads';
import { errorToPlain, type PlainError } from '../errors.js';
import { assembleBatch, type Batch } from './batch.js';
import { openWorkerSpec, type WorkerSpec } from './dataset.js';

export interface BatchRequest {
  index: number;
  indices: Int32Array;
}

export type BatchReply = Batch | { index: number; error: PlainError };

if (parentPort) {
  const port = parentPort;
  const opening = openWorkerSpec(workerData as WorkerSpec);
  // Every request reports a failure to open; until the first one it must not end the thread.
  opening.catch(() => {});
  port.on('message', async ({ index, indices }: BatchRequest) => {
    try {
      const batch = await assembleBatch(await opening, indices, index);
      port.postMessage(batch satisfies BatchReply, [
        batch.images.buffer as ArrayBuffer,
        batch.labels.buffer as ArrayBuffer,
      ]);
    } catch (error) {
      port.postMessage({ index, error: errorToPlain(error) } satisfies BatchReply);
    }
  });
}
