import { workerData } from 'node:worker_threads';
import { serve, type ThreadData } from '../../simd/threads/serve.js';
import { Threads } from '../library/threads.js';
import { executeOf } from './execute.js';
import { loadWith } from './load.js';

/* A worker thread that computes pieces of kernels, and calls primitives of the library. */
const { library, ...data } = workerData as ThreadData & { readonly library: string };
serve(
  data,
  loadWith(() => {
    new Threads(library, 1);
    return executeOf(library);
  }),
);
