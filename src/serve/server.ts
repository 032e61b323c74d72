import { realpath } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { diskError } from '../disk-error.js';
import { PaperweightError, UsageError } from '../errors.js';
import type { Meta, Working } from './api.js';
import { Guard, isLoopback } from './guard.js';
import { InferenceProcess } from './inference/client.js';
import type { PaperSource } from './papers.js';
import { errorBody, RequestError } from './request-error.js';
import { Router } from './router.js';
import { addModelRoutes } from './routes-model.js';
import { addPaperRoutes } from './routes-papers.js';
import { addRunRoutes } from './routes-runs.js';
import { Runs } from './runs.js';
import { StaticFiles } from './static-files.js';
import { Trash } from './trash.js';

/** Time for a request to arrive as a whole. */
const REQUEST_MS = 30_000;
const HEADERS_MS = 10_000;
const MAX_CONNECTIONS = 512;

export interface ServeOptions {
  /** Folder with the runs. */
  readonly root: string;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Asked for where given. */
  readonly token?: string | undefined;
  /** Whether runs may be renamed, tagged, deleted, paused, resumed and stopped. */
  readonly control: boolean;
  readonly version: string;
  readonly papers: PaperSource;
  /** Folder of the built pages. */
  readonly web?: string;
  /** What computes; closed with the dashboard. */
  readonly inference?: InferenceProcess;
  /** Told of an error that nobody foresaw; the request gets 500. */
  readonly onError?: (error: unknown) => void;
}

/** The dashboard: a web server that shows a folder of runs. */
export class Dashboard {
  readonly #server: Server;
  readonly #closers: readonly (() => void)[];
  readonly port: number;

  private constructor(server: Server, closers: readonly (() => void)[]) {
    this.#server = server;
    this.#closers = closers;
    this.port = (server.address() as AddressInfo).port;
  }

  /** @throws UsageError when the folder is missing, the pages are not built, or the address cannot be used */
  static async open(options: ServeOptions): Promise<Dashboard> {
    if (!isLoopback(options.host) && options.token === undefined)
      throw new UsageError({
        what: `The dashboard cannot listen on ${options.host} without a token`,
        expected: 'a token, since other machines can reach that address',
        got: 'none',
      });
    const root = await realpath(options.root).catch((error) => {
      throw diskError(error, `cannot open the runs folder ${options.root}`, UsageError);
    });
    const runs = new Runs(root);
    const trash = new Trash(root);
    const files = new StaticFiles(options.web ?? fileURLToPath(new URL('../../web', import.meta.url)));
    if (!(await files.built()))
      throw new UsageError({
        what: 'The pages of the dashboard have not been built',
        expected: `an index.html in ${files.folder}`,
        got: 'none',
        next: 'run: npm run build',
      });
    const router = new Router();
    const meta: Meta = { version: options.version, control: options.control };
    router.on('GET', '/api/meta', async () => meta);
    addRunRoutes(router, { runs, trash, control: options.control });
    const inference = options.inference ?? new InferenceProcess();
    addModelRoutes(router, runs, inference);
    addPaperRoutes(router, options.papers);
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
    const dashboard = new Dashboard(server, [() => runs.close(), () => inference.close()]);
    guard.port = dashboard.port;
    return dashboard;
  }

  /** Ends all connections and frees the port. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const close of this.#closers) close();
    this.#server.closeAllConnections();
    await closed;
  }
}

function listen(server: Server, { host, port }: ServeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reasons: Record<string, [string, string]> = {
        EADDRINUSE: ['a port that is used already', 'choose another --port; 0 takes any that is free'],
        EACCES: ['a port that needs special rights', 'choose a --port above 1023'],
        EADDRNOTAVAIL: ['an address that this machine does not have', 'give another --host'],
        ENOTFOUND: ['a name that leads nowhere', 'give another --host'],
      };
      const [got, next] = reasons[error.code ?? ''] ?? [error.message, 'choose another --host or --port'];
      reject(new UsageError({ what: `Cannot listen on ${host}:${port}`, got, next, cause: error }));
    });
    server.listen(port, host, resolve);
  });
}

interface Parts {
  readonly guard: Guard;
  readonly router: Router;
  readonly files: StaticFiles;
  readonly onError: (error: unknown) => void;
}

function answerer({ guard, router, files, onError }: Parts) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // A connection that breaks is the client's business.
    request.on('error', () => {});
    response.on('error', () => {});
    try {
      guard.prepare(response);
      const url = addressOf(request);
      guard.checkOrigin(request, url.pathname);
      if (guard.acceptLink(request, url, response)) return;
      guard.checkToken(request);
      const api = url.pathname === '/api' || url.pathname.startsWith('/api/');
      const reading = request.method === 'GET' || request.method === 'HEAD';
      if (!api && reading && (await files.answer(request, url.pathname, response))) return;
      const { handler, params } = router.find(request.method ?? '', url.pathname);
      const value = await handler({ request, response, url, params });
      if (value !== undefined) sendJson(response, isWorking(value) ? 202 : 200, value);
    } catch (error) {
      // The client has gone before its request was whole.
      if (request.destroyed && !request.complete) return void response.destroy();
      if (!(error instanceof PaperweightError)) onError(error);
      fail(request, response, error);
    }
  };
}

const isWorking = (value: object): value is Working => 'working' in value && 'done' in value;

function addressOf(request: IncomingMessage): URL {
  try {
    // Not as a base: //name would be another host.
    return new URL(`http://localhost${request.url}`);
  } catch {
    throw new RequestError(400, { what: 'The address is not well formed' });
  }
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  const text = Buffer.from(JSON.stringify(value));
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': text.length,
    'Cache-Control': 'no-store',
  });
  response.end(text);
}

function fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const { status, body } = errorBody(error);
  // What is left of a body that was not read would be taken for the next request.
  if (!request.complete) response.setHeader('Connection', 'close');
  sendJson(response, status, body);
}
