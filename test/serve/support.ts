import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Dashboard, type ServeOptions } from '../../src/serve/http/server.js';
import type { Answer, EventOf, Input, InputArgument, RouteWith } from '../../src/serve/route-table.js';
import type { PaperSource } from '../../src/serve/routes/paper-source.js';
import { addressOf, methodOf } from '../../src/web/lib/address.js';
import { scratch, toyConfig } from '../support/toy.js';

export const stepLine = (step: number, changes: object = {}) => ({
  event: 'step' as const,
  epoch: 1,
  step,
  loss: 2 / step,
  lr: 0.01,
  imagesPerSecond: 100 + step,
  stepSeconds: 0.25,
  dataSeconds: 1e-7,
  rssMiB: 900,
  ...changes,
});

export const epochLine = (epoch: number, step: number) => ({
  event: 'epoch' as const,
  epoch,
  step,
  trainLoss: 1.5,
  trainAccuracy: 40,
  testLoss: 1.4,
  testAccuracy: 40 + epoch,
  testTop5: 90,
  testImages: 21,
  seconds: 2,
});

export const steps = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => stepLine(from + i));

export const jsonl = (lines: readonly object[]): string =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join('');

/** A run folder as created by train, without training. */
export async function makeRun(
  root: string,
  id: string,
  {
    metrics = steps(1, 10) as readonly object[],
    files = {} as Readonly<Record<string, string | Uint8Array>>,
    config = toyConfig({ maxSteps: 1000 }) as object,
  } = {},
): Promise<string> {
  const folder = join(root, id);
  await mkdir(join(folder, 'checkpoints'), { recursive: true });
  await mkdir(join(folder, 'kernels'));
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'state.json'), JSON.stringify({ version: 1 }));
  await writeFile(join(folder, 'metrics.jsonl'), jsonl(metrics));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

export const addLines = (folder: string, lines: readonly object[]): Promise<void> =>
  appendFile(join(folder, 'metrics.jsonl'), jsonl(lines));

export const NO_PAPERS: PaperSource = {
  list: async () => [],
  page: () => Promise.reject(new Error('no papers')),
  figures: async () => [],
  figure: () => '',
};

/** A dashboard of a fresh folder of runs. */
export async function openDashboard(
  t: TestContext,
  options: Partial<ServeOptions> = {},
): Promise<{ root: string; dashboard: Dashboard; errors: unknown[] }> {
  const folder = await scratch(t);
  const [root, web] = [join(folder, 'runs'), join(folder, 'web')];
  await mkdir(root);
  await mkdir(web);
  await writeFile(join(web, 'index.html'), '<!doctype html><title>Paperweight</title>');
  await writeFile(join(web, 'app.js'), 'export const answer = 42;\n'.repeat(100));
  await writeFile(join(web, 'secret.txt'), 'not to be served');
  const errors: unknown[] = [];
  const dashboard = await Dashboard.open({
    root,
    host: '127.0.0.1',
    port: 0,
    control: false,
    version: '1.2.3',
    papers: NO_PAPERS,
    web,
    onError: (error) => errors.push(error),
    ...options,
  });
  t.after(() => dashboard.close());
  return { root: options.root ?? root, dashboard, errors };
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON. */
  readonly body: never;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** A raw request: no headers are added, and the path is not normalised. */
export function ask({ port }: { port: number }, path: string, options: Ask = {}): Promise<Reply> {
  const { method = 'GET', headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece) => (text += piece));
      response.on('error', reject);
      response.on('end', () => {
        const json = response.headers['content-type']?.startsWith('application/json');
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          text,
          body: (json ? JSON.parse(text) : undefined) as never,
        });
      });
    });
    // An unexpected stream must not hang the test.
    request.setTimeout(120_000, () => request.destroy(new Error(`no answer to ${path}`)));
    request.end(body);
  });
}

/** A request that changes something, as the pages send it. */
export const send = (
  dashboard: { port: number },
  method: string,
  path: string,
  body?: unknown,
): Promise<Reply> =>
  ask(dashboard, path, {
    method,
    headers: { 'X-Paperweight': '1', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

/** A request of the route table, as the pages send it, and its answer. */
export async function call<R extends RouteWith<'answer'>>(
  dashboard: { port: number },
  route: R,
  ...input: InputArgument<R>
): Promise<Omit<Reply, 'body'> & { readonly body: Answer<R> }> {
  const body = (input[0] as { readonly body?: object } | undefined)?.body;
  const path = addressOf(route, ...input);
  const method = methodOf(route);
  return method === 'GET' ? ask(dashboard, path) : send(dashboard, method, path, body);
}

export interface SseEvent<E extends { readonly event: string }> {
  readonly id: string | undefined;
  readonly event: E['event'];
  readonly data: E;
}

/** A client of server-sent events. */
export class Listener<R extends RouteWith<'events'>> {
  readonly events: SseEvent<EventOf<R>>[] = [];
  /** Settles when the connection has ended. */
  readonly closed: Promise<void>;
  readonly #request: ReturnType<typeof httpRequest>;
  #wake: () => void = () => {};

  constructor({ port }: { port: number }, route: R, input: Input<R>, headers: Record<string, string> = {}) {
    const path = addressOf(route, ...([input] as InputArgument<R>));
    this.#request = httpRequest({ host: '127.0.0.1', port, path, headers, agent: false });
    this.closed = new Promise((resolve) => {
      this.#request.on('error', () => resolve());
      this.#request.on('response', (response) => {
        let text = '';
        response.on('close', () => resolve());
        response.on('error', () => resolve());
        response.setEncoding('utf8').on('data', (piece) => {
          text += piece;
          const blocks = text.split('\n\n');
          text = blocks.pop()!;
          for (const block of blocks) this.#add(block);
          this.#wake();
        });
      });
    });
    this.#request.end();
  }

  #add(block: string): void {
    const field = (name: string) =>
      block
        .split('\n')
        .find((line) => line.startsWith(`${name}: `))
        ?.slice(name.length + 2);
    const event = field('event');
    if (event) this.events.push({ id: field('id'), event, data: JSON.parse(field('data')!) as EventOf<R> });
  }

  of<K extends EventOf<R>['event']>(event: K): SseEvent<Extract<EventOf<R>, { readonly event: K }>>[] {
    return this.events.filter((found) => found.event === event) as never;
  }

  get steps(): number[] {
    const all: readonly { readonly data: { readonly event: string; readonly step?: number } }[] = this.events;
    return all.flatMap(({ data }) => (data.event === 'step' ? data.step! : []));
  }

  get lastId(): string {
    return this.events.findLast(({ id }) => id !== undefined)!.id!;
  }

  /** Waits until a condition holds; fails after two minutes. */
  async until(holds: () => boolean, what = 'the events'): Promise<void> {
    const end = Date.now() + 120_000;
    while (!holds()) {
      if (Date.now() > end) throw new Error(`waited in vain for ${what}; got ${JSON.stringify(this.events)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 50);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): void {
    this.#request.destroy();
  }
}
