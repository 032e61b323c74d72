/** Entry point of a loader's worker thread: opens the data set, then assembles the requested batches. */
import { workerData } from 'node:worker_threads';
import { assembleBatch, assembleSamples, type Batch, type SampleBatch } from '../batch.js';
import { openAnySpec, type WorkerSpec } from '../dataset.js';
import { buffersOf, type Packed } from '../samples/sample.js';
import type { Augmentation } from '../transforms/host/index.js';
import { answerRequests } from '../worker-answers.js';

export interface BatchRequest {
  readonly index: number;
  readonly indices: Int32Array;
  /** For samples that are not labelled images: whether to stack them. */
  readonly stacked: boolean;
  /** Of labelled images: transforms of single ones. */
  readonly augmentation: Augmentation | undefined;
}

const opening = openAnySpec(workerData as WorkerSpec);
// If opening fails, each request rejects with the error. Until the first request the rejection must not end the thread.
opening.catch(() => {});

answerRequests<BatchRequest, Batch | SampleBatch>(
  async ({ index, indices, stacked, augmentation }) => {
    const set = await opening;
    return 'get' in set
      ? assembleSamples(set, indices, index, stacked)
      : assembleBatch(set, indices, index, augmentation);
  },
  (batch) =>
    'images' in batch ? [batch.images.buffer, batch.labels.buffer] : buffersOf(batch.values as Packed),
);
