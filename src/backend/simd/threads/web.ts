import type { StartThread } from './serve.js';

/** The part of a browser's API that is used here; the types of Node do not include it. */
interface WebWorker {
  onerror: ((event: { preventDefault(): void }) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}
declare const Worker: new (url: URL, options: { readonly type: 'module' }) => WebWorker;

/** Whether this page may share memory between threads: only if it is cross-origin isolated. */
export const canShareInPage = (): boolean => {
  const { crossOriginIsolated, Worker: workers } = globalThis as {
    crossOriginIsolated?: boolean;
    Worker?: unknown;
  };
  return crossOriginIsolated === true && typeof workers === 'function';
};

/** Starts a worker of a page. */
export const startWebThread: StartThread = (data) => {
  const worker = new Worker(new URL('./web-worker.js', import.meta.url), { type: 'module' });
  worker.onerror = (event) => event.preventDefault();
  worker.postMessage(data);
  return { stop: () => worker.terminate() };
};
