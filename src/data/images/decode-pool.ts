import { availableParallelism } from 'node:os';
import { WorkerPool } from '../worker-pool.js';
import type { BytesRequest, DecodeAnswer, FileRequest, ScaleRequest } from './decode-worker.js';
import type { Image } from './square-image.js';

/** Threads for images that come one by one; a data set has its own. */
const MOST_THREADS = 4;

type Request = BytesRequest | ScaleRequest;

let shared: WorkerPool<Request, DecodeAnswer> | undefined;

/** Threads that make squares of the files of a data set. */
export const openDecoders = (count: number): WorkerPool<FileRequest, DecodeAnswer> => open(count);

function open<Question>(count: number): WorkerPool<Question, DecodeAnswer> {
  return new WorkerPool({ module: new URL('./decode-worker.js', import.meta.url), count });
}

/**
 * Makes a square of an image in another thread, so that this one stays free. The threads start with the first image and
 * keep no process alive.
 *
 * @throws DataError as `squareOf` does
 */
export async function squareElsewhere(request: Request): Promise<Image> {
  if (!shared || shared.failed) shared = open(Math.min(MOST_THREADS, availableParallelism()));
  const { square } = await shared.waitFor(shared.request(request));
  return square;
}
