import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ModelDetail, RunEvent, RunSummary, RunsEvent, Series, SeriesKey } from '../../src/serve/api.js';
import * as data from './fixture-data.js';

const WEB = fileURLToPath(new URL('../../web/', import.meta.url));
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
/** As strict as the real server. */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/** The built pages with fixed answers, for tests of the pages without a server. */
export interface Fixture {
  readonly url: string;
  runs: RunSummary[];
  /** Method and path with query of each request for the API. */
  readonly requests: string[];
  /** Sends an event to the clients that follow a run; returns their number. */
  readonly emit: (id: string, event: RunEvent, line: number) => number;
  readonly emitRuns: (event: RunsEvent) => number;
  /** Changes a run's series before it is sent. */
  changeSeries: (id: string, series: Series) => Series;
  /** The network of all runs. */
  model: ModelDetail;
  /** Ends all event streams. */
  readonly drop: () => void;
  /** While set, all answers are this error. */
  failure: { readonly path: RegExp; readonly status: number; readonly body: object } | undefined;
  readonly close: () => Promise<void>;
}

class NotFound extends Error {}

export async function startFixture({ control = true }: { control?: boolean } = {}): Promise<Fixture> {
  const requests: string[] = [];
  const streams = new Map<string, Set<ServerResponse>>();
  const trash = new Map<string, RunSummary>();
  let measured = 0;

  const fixture: Fixture = {
    url: '',
    runs: data.RUNS(),
    requests,
    emit: (id, event, line) => send(id, event, line),
    emitRuns: (event) => send('', event),
    changeSeries: (_, series) => series,
    model: data.MODEL,
    drop: () => {
      for (const all of streams.values()) for (const stream of all) stream.destroy();
    },
    failure: undefined,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };

  function send(name: string, event: RunEvent | RunsEvent, line?: number): number {
    const all = [...(streams.get(name) ?? [])];
    for (const stream of all)
      stream.write(
        `event: ${event.event}\n${line === undefined ? '' : `id: ${line}\n`}data: ${JSON.stringify(event)}\n\n`,
      );
    return all.length;
  }

  function follow(name: string, response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    // A short wait, so that tests of reconnecting do not take long.
    response.write('retry: 300\n\n');
    const all = streams.get(name) ?? new Set();
    streams.set(name, all.add(response));
    response.on('close', () => all.delete(response));
  }

  const find = (id: string | undefined): RunSummary => {
    const run = fixture.runs.find((each) => each.id === id);
    if (!run) throw new NotFound();
    return run;
  };

  async function answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<unknown> {
    const method = request.method ?? 'GET';
    const [, , first, id, what, step] = url.pathname.split('/').map(decodeURIComponent);
    const query = url.searchParams;
    if (method !== 'GET' && request.headers['x-paperweight'] !== '1') throw new NotFound();
    if (first === 'meta') return { version: '0.1.0', control };
    if (first === 'events') return follow('', response);
    if (first === 'papers') {
      if (what === 'figures') return image(response, data.png(320, 200, 3));
      return id === undefined ? [{ id: 'alexnet', title: data.PAPER.title }] : data.PAPER;
    }
    if (first === 'images') return image(response, data.png(32, 32, Number(what)));
    if (first === 'undo') {
      const run = trash.get(id ?? '');
      if (!run) throw new NotFound();
      fixture.runs.push(run);
      return run;
    }
    if (first === 'metrics') return data.METRICS;
    if (first === 'settings') return data.settingsOf(fixture.runs);
    if (first === 'curves')
      return (query.get('runs') ?? '')
        .split(',')
        .map(decodeURIComponent)
        .map((one) => {
          const run = fixture.runs.find((each) => each.id === one);
          const curve = run && data.curveOf(run, query, (series) => fixture.changeSeries(one, series));
          return { id: one, ...(curve ? { curve, clock: data.clockOf(run) } : {}) };
        });
    if (first !== 'runs') throw new NotFound();
    if (id === undefined) return fixture.runs;
    const run = find(id);
    const bare = id === 'old';
    if (what === undefined && method === 'DELETE') {
      fixture.runs = fixture.runs.filter((each) => each.id !== id);
      trash.set(`undo-${id}`, run);
      return { undo: `undo-${id}` };
    }
    if (what === undefined && method === 'PATCH') {
      const changed = { ...run, ...(await jsonOf(request)) };
      fixture.runs = fixture.runs.map((each) => (each.id === id ? changed : each));
      return changed;
    }
    switch (what) {
      case undefined:
        return data.detailOf(run);
      case 'series':
        return fixture.changeSeries(
          id,
          data.seriesOf(
            bare ? 0 : run.step,
            (query.get('keys') ?? 'loss').split(',') as SeriesKey[],
            Number(query.get('from') ?? 0),
            Number(query.get('to') ?? run.step),
            Number(query.get('points') ?? 1000),
          ),
        );
      case 'machine':
        return data.MACHINE;
      case 'clock':
        return data.clockOf(run);
      case 'origin':
        return data.ORIGIN;
      case 'events':
        requests.push(`stream ${id} after ${request.headers['last-event-id'] ?? query.get('after') ?? ''}`);
        return follow(id, response);
      case 'log':
        return bare ? [] : data.LOG;
      case 'insights':
        return bare ? [] : data.insightsOf(run.step);
      case 'model':
        return fixture.model;
      case 'kernels':
        return step === undefined ? (bare ? [] : data.KERNEL_STEPS) : data.kernelsOf(Number(step));
      case 'histograms':
      case 'images':
        return [];
      case 'samples':
        // A classifier has none.
        return [];
      case 'features':
        return data.featuresOf(query.get('layer') ?? '');
      case 'predict':
        return data.PREDICTION;
      case 'control':
        return { id: '1', ...(await jsonOf(request)) };
      case 'confusion':
        if (measured++ < 1) {
          response.statusCode = 202;
          return { working: 'test images', done: 500, total: 2000 };
        }
        return data.CONFUSION;
      default:
        throw new NotFound();
    }
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fixture');
    response.setHeader('Content-Security-Policy', POLICY);
    const task = url.pathname.startsWith('/api/')
      ? api(request, response, url)
      : page(response, url.pathname);
    task.catch((error: unknown) => {
      const missing = error instanceof NotFound;
      json(response, missing ? 404 : 500, {
        error: missing
          ? {
              what: 'There is no such run',
              expected: 'one of the list',
              got: url.pathname,
              next: 'go back to the list',
            }
          : { what: String(error) },
      });
    });
  });

  async function api(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    requests.push(`${request.method} ${url.pathname}${url.search}`);
    const { failure } = fixture;
    if (failure?.path.test(url.pathname)) return json(response, failure.status, failure.body);
    const body = await answer(request, response, url);
    if (body !== undefined) json(response, response.statusCode, body as object);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(fixture, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

function image(response: ServerResponse, bytes: Buffer): void {
  response.writeHead(200, { 'Content-Type': 'image/png' }).end(bytes);
}

async function page(response: ServerResponse, name: string): Promise<void> {
  const file = name === '/' ? 'index.html' : path.basename(name);
  const type = TYPES[path.extname(file)];
  const bytes = type ? await readFile(path.join(WEB, file)).catch(() => undefined) : undefined;
  if (!type || !bytes) throw new NotFound();
  response.writeHead(200, { 'Content-Type': type }).end(bytes);
}

async function jsonOf(request: IncomingMessage): Promise<object> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return JSON.parse(text) as object;
}
