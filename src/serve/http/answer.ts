import type { IncomingMessage, ServerResponse } from 'node:http';
import { PaperweightError } from '../../errors/errors.js';
import type { Working } from '../api.js';
import type { Inference } from '../inference/client.js';
import { modelRoutes } from '../routes/model.js';
import type { PaperSource } from '../routes/paper-source.js';
import { paperRoutes } from '../routes/papers.js';
import { runRoutes } from '../routes/runs.js';
import type { Runs } from '../runs/runs.js';
import type { RunsFeed } from '../runs/runs-feed.js';
import type { Trash } from '../runs/trash.js';
import { EventsAnswer } from './event-stream.js';
import { FileAnswer } from './file-answer.js';
import type { Guard } from './guard.js';
import { errorBody, RequestError } from './request-error.js';
import { Router } from './router.js';
import type { StaticFiles } from './static-files.js';

export interface RouterOptions {
  readonly runs: Runs;
  readonly feed: RunsFeed;
  readonly trash: Trash;
  readonly inference: Inference;
  readonly papers: PaperSource;
  readonly version: string;
  readonly control: boolean;
}

/** Router with all routes below `/api`. */
export function makeRouter({
  runs,
  feed,
  trash,
  inference,
  papers,
  version,
  control,
}: RouterOptions): Router {
  return new Router({
    'GET /api/meta': async () => ({ version, control }),
    ...runRoutes({ runs, feed, trash, control }),
    ...modelRoutes(runs, inference),
    ...paperRoutes(papers),
  });
}

interface Parts {
  readonly guard: Guard;
  readonly router: Router;
  readonly files: StaticFiles;
  readonly onError: (error: unknown) => void;
}

/** The HTTP request handler: guard, API routes, static files, errors. */
export function answerer({ guard, router, files, onError }: Parts) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // Broken connections need no handling.
    request.on('error', () => {});
    response.on('error', () => {});
    try {
      guard.prepare(response);
      const url = addressOf(request);
      guard.checkOrigin(request, url.pathname);
      if (guard.acceptLink(request, url, response)) return;
      if (guard.explain(request, url.pathname, response)) return;
      guard.checkToken(request);
      const api = url.pathname === '/api' || url.pathname.startsWith('/api/');
      const reading = request.method === 'GET' || request.method === 'HEAD';
      if (!api && reading && (await files.answer(request, url.pathname, response))) return;
      const value = await router.answer(request, url);
      if (value instanceof EventsAnswer || value instanceof FileAnswer) await value.send(response);
      else sendJson(response, isWorking(value) ? 202 : 200, value);
    } catch (error) {
      // The client disconnected before its request was complete.
      if (request.destroyed && !request.complete) return void response.destroy();
      if (!(error instanceof PaperweightError)) onError(error);
      fail(request, response, error);
    }
  };
}

const isWorking = (value: object): value is Working => 'working' in value && 'done' in value;

function addressOf(request: IncomingMessage): URL {
  try {
    // Not as a base URL: //name would be parsed as another host.
    return new URL(`http://localhost${request.url}`);
  } catch {
    throw new RequestError(400, { what: 'The address is malformed' });
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
  // Unread bytes of the body would be parsed as the next request.
  if (!request.complete) response.setHeader('Connection', 'close');
  sendJson(response, status, body);
}
