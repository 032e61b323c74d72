import { availableParallelism } from 'node:os';
import { WorkerPool } from '../worker-pool.js';
import type { BytesRequest, DecodeAnswer, FileRequest, ScaleRequest } from './decode-worker.js';
import type { Image } from './square-image.js';

/** Number of threads for single images; data sets have pools of their own. */
const MOST_THREADS = 4;

type Request = BytesRequest | ScaleRequest;

let shared: WorkerPool<Request, DecodeAnswer> | undefined;

/** Opens a pool of threads that decode and crop the files of a data set. */
export const openDecoders = (count: number): WorkerPool<FileRequest, DecodeAnswer> => open(count);

function open<Question>(count: number): WorkerPool<Question, DecodeAnswer> {
  return new WorkerPool({ module: new URL('./decode-worker.js', import.meta.url), count });
}

/**
 * Decodes and crops an image in a worker thread, without blocking the calling thread. The threads start with the first
 * image and do not keep the process alive.
 *
 * @throws DataError like `squareOf`
 */
export async function squareElsewhere(request: Request): Promise<Image> {
  if (!shared || shared.failed) shared = open(Math.min(MOST_THREADS, availableParallelism()));
  const { square } = await shared.waitFor(shared.request(request));
  return square;
}
