import { UsageError } from '../../errors/errors.js';
import type { Batch, SampleBatch } from '../batch.js';
import type { WorkerSpec } from '../dataset.js';
import { requestedAhead } from './ahead.js';
import type { Reading } from './local.js';
import type { Batches, EpochOrder } from './order.js';
import type { BatchRequest } from './worker.js';

/** Batches assembled in worker threads. @throws UsageError without worker threads, as in a browser */
export async function* threadedBatches(
  spec: WorkerSpec,
  { indices, augmentation }: EpochOrder,
  { start, end, prefetch, stacked, workers }: Reading & { readonly workers: number },
): Batches {
  if (start === end) return;
  // Imported on demand: a browser has no worker_threads, and its bundler replaces the module by an empty one (`browser`
  // in package.json). The loader then works with workers: 0.
  const { WorkerPool } = await import('../worker-pool.js');
  if (!WorkerPool)
    throw new UsageError({
      what: 'DataLoader has no worker threads outside of Node.js',
      expected: 'workers: 0',
      got: `workers: ${workers}`,
    });
  const pool = new WorkerPool<BatchRequest, Batch | SampleBatch>({
    module: new URL('./worker.js', import.meta.url),
    count: Math.min(workers, end - start),
    data: spec,
    next: 'use workers: 0 to see the original error',
  });
  try {
    const request = (index: number) =>
      pool.request({ index, indices: indices(index), stacked, augmentation: augmentation(index) });
    const ahead = workers * Math.max(1, prefetch);
    yield* requestedAhead({ start, end, ahead }, request, (batch) => pool.waitFor(batch));
  } finally {
    await pool.close();
  }
}
