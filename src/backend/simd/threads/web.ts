import { type StartThread, serve, type ThreadData } from './serve.js';

/** The part of a browser's API that is used here; the types of Node do not include it. */
interface WebWorker {
  onerror: ((event: { preventDefault(): void }) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}
declare const Worker: new (
  url: URL | string,
  options: { readonly type: 'module'; readonly name?: string },
) => WebWorker;
interface Scope {
  readonly crossOriginIsolated?: boolean;
  readonly Worker?: unknown;
  readonly document?: { readonly currentScript: { readonly src?: string } | null };
  readonly location?: { readonly href: string };
  readonly name?: string;
  onmessage?: (event: { readonly data: ThreadData }) => void;
}
const scope = globalThis as Scope;

/** Name of a worker that runs the script of this module as a thread. */
const THREAD = 'paperweight-thread';
/** The script that this module is a part of. A bundle that is no module has no `import.meta.url`. */
const script: string | undefined =
  (import.meta.url as string | undefined) ??
  (scope.document?.currentScript?.src || undefined) ??
  scope.location?.href;

if (scope.name === THREAD && scope.document === undefined) {
  scope.onmessage = ({ data }) => serve(data);
  // The rest of the script is the program that wants threads; this worker keeps handling messages.
  throw new Error('This worker computes for another one.');
}

/** Whether this page may share memory between threads: only if it is cross-origin isolated. */
export const canShareInPage = (): boolean =>
  scope.crossOriginIsolated === true && typeof scope.Worker === 'function';

/**
 * Starts a worker of a page. Its program is `web-worker.js`, for which bundlers make a file of its own. One that does not
 * (esbuild) leaves no such file; then the worker runs the bundle itself, as far as this module.
 */
export const startWebThread: StartThread = (data) => {
  let worker: WebWorker | undefined;
  const launch = (make: () => WebWorker, otherwise: () => void): void => {
    try {
      worker = make();
      worker.onerror = (event) => {
        event.preventDefault();
        otherwise();
      };
      worker.postMessage(data);
    } catch {
      otherwise();
    }
  };
  const fromBundle = (): void => {
    worker?.terminate();
    // The error that ends the program's part is expected.
    if (script !== undefined)
      launch(
        () => new Worker(script, { type: 'module', name: THREAD }),
        () => {},
      );
  };
  launch(() => new Worker(new URL('./web-worker.js', import.meta.url), { type: 'module' }), fromBundle);
  return { stop: () => worker?.terminate() };
};
