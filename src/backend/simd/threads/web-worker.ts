import { serve, type ThreadData } from './serve.js';

/* A worker of a page that computes pieces of kernels. */
declare const self: { onmessage: ((event: { readonly data: ThreadData }) => void) | null };

self.onmessage = ({ data }) => serve(data);
