import { statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { realPath } from '../../files/real-path.js';
import type { RunAlert } from '../api.js';
import { InferenceProcess } from '../inference/client.js';
import type { PaperSource } from '../routes/paper-source.js';
import { Runs } from '../runs/runs.js';
import { RunsFeed } from '../runs/runs-feed.js';
import { Trash } from '../runs/trash.js';
import { answerer, makeRouter } from './answer.js';
import { Guard, isLoopback } from './guard.js';
import { StaticFiles } from './static-files.js';

/** Time limit for receiving a complete request. */
const REQUEST_MS = 30_000;
const HEADERS_MS = 10_000;
const MAX_CONNECTIONS = 512;

export interface ServeOptions {
  /** Folder with the runs. */
  readonly root: string;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Required in requests, if given. */
  readonly token?: string | undefined;
  /** Whether runs can be renamed, tagged, deleted, paused, resumed and stopped. */
  readonly control: boolean;
  readonly version: string;
  readonly papers: PaperSource;
  /** Folder of the built pages. */
  readonly web?: string;
  /** Computes predictions and features; closed together with the dashboard. */
  readonly inference?: InferenceProcess;
  /** Called with unexpected errors; the request gets status 500. */
  readonly onError?: (error: unknown) => void;
  /** Called when a run ends, fails, stalls or diverges. */
  readonly onAlert?: (alert: RunAlert) => void;
}

/** The dashboard: a web server that shows a folder of runs. */
export class Dashboard {
  readonly #server: Server;
  readonly #closers: readonly (() => void)[];
  readonly port: number;
  /** The IP address that it listens on. */
  readonly address: string;

  private constructor(server: Server, closers: readonly (() => void)[]) {
    this.#server = server;
    this.#closers = closers;
    ({ port: this.port, address: this.address } = server.address() as AddressInfo);
  }

  /** @throws UsageError if the runs path is not a folder, the pages are not built, or the address cannot be used */
  static async open(options: ServeOptions): Promise<Dashboard> {
    if (!isLoopback(options.host) && options.token === undefined)
      throw new UsageError({
        what: `The dashboard cannot listen on ${options.host} without a token`,
        expected: 'a token, since other machines can reach that address',
        got: 'none',
        next: 'leave --no-token out, or listen on 127.0.0.1',
      });
    const root = rootFolder(options.root);
    const runs = new Runs(root);
    const feed = new RunsFeed(runs, options.onAlert);
    const trash = new Trash(root);
    const files = new StaticFiles(options.web ?? fileURLToPath(new URL('../../../web', import.meta.url)));
    if (!(await files.built()))
      throw new UsageError({
        what: 'The pages of the dashboard have not been built',
        expected: `an index.html in ${files.folder}`,
        got: 'none',
        next: 'run: npm run build',
      });
    const inference = options.inference ?? new InferenceProcess();
    const router = makeRouter({ ...options, runs, feed, trash, inference });
    const guard = new Guard(options);
    const server = createServer({
      requestTimeout: REQUEST_MS,
      headersTimeout: HEADERS_MS,
      connectionsCheckingInterval: 5000,
    });
    server.maxConnections = MAX_CONNECTIONS;
    const answer = answerer({ guard, router, files, onError: options.onError ?? (() => {}) });
    server.on('request', (request, response) => void answer(request, response));
    await listen(server, options);
    if (options.control) await trash.empty();
    const dashboard = new Dashboard(server, [
      () => feed.close(),
      () => runs.close(),
      () => inference.close(),
    ]);
    guard.port = dashboard.port;
    // So that the list is ready for the first page, whose own request reports errors.
    runs.list().catch(() => {});
    return dashboard;
  }

  /** Closes all connections and frees the port. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const close of this.#closers) close();
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Real path of the runs folder, which may not exist before the first training. */
function rootFolder(given: string): string {
  try {
    const root = realPath(given);
    if (statSync(root, { throwIfNoEntry: false })?.isDirectory() ?? true) return root;
    throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' });
  } catch (error) {
    throw diskError(error, `cannot open the runs folder ${given}`, UsageError);
  }
}

function listen(server: Server, { host, port }: ServeOptions): Promise<void> {
  return new Promise((listening, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reasons: Record<string, [string, string]> = {
        EADDRINUSE: ['a port that is already in use', 'choose another --port; 0 takes any free port'],
        EACCES: ['a port that requires special rights', 'choose a --port above 1023'],
        EADDRNOTAVAIL: ['an address that this machine does not have', 'give another --host'],
        ENOTFOUND: ['an unknown host name', 'give another --host'],
      };
      const [got, next] = reasons[error.code ?? ''] ?? [error.message, 'choose another --host or --port'];
      reject(new UsageError({ what: `Cannot listen on ${host}:${port}`, got, next, cause: error }));
    });
    server.listen(port, host, listening);
  });
}
