import { workerData } from 'node:worker_threads';
import { serve, type ThreadData } from './serve.js';

/* A worker thread of Node that computes pieces of kernels. */
serve(workerData as ThreadData);
