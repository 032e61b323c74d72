import type { IncomingMessage } from 'node:http';
import type { Answer, EventOf, FileType, Params, Query, Route, Waiting } from '../route-table.js';
import type { EventsAnswer } from './event-stream.js';
import type { FileAnswer } from './file-answer.js';
import { QueryReader } from './query.js';
import { RequestError } from './request-error.js';

/** A request for a route. */
export interface Call<R extends Route = Route> {
  readonly route: R;
  readonly request: IncomingMessage;
  readonly params: Params<R>;
  readonly query: QueryReader<Query<R>>;
}

/** Answer type of a route in the route table. */
export type Reply<R extends Route> =
  | Answer<R>
  | Waiting<R>
  | ([EventOf<R>] extends [never] ? never : EventsAnswer<EventOf<R>>)
  | ([FileType<R>] extends [never] ? never : FileAnswer<FileType<R>>);

/** Handlers for a set of routes. */
export type Handlers<R extends Route = Route> = { readonly [Each in R]: Handler<Each> };
type Handler<R extends Route> = (call: Call<R>) => Promise<Reply<R>>;

interface Entry {
  readonly method: string;
  readonly segments: readonly string[];
  readonly answer: (request: IncomingMessage, url: URL, params: Record<string, string>) => Promise<object>;
}

/** Finds the handler of a request by its method and path. */
export class Router {
  readonly #entries: readonly Entry[];

  constructor(handlers: Handlers) {
    const entry = <R extends Route>(route: R): Entry => {
      const handler: Handler<R> = handlers[route];
      const [method, path] = route.split(' ') as [string, string];
      return {
        method,
        segments: path.split('/'),
        answer: (request, url, params) =>
          handler({
            route,
            request,
            params: params as Params<R>,
            query: new QueryReader(url),
          }) as Promise<object>,
      };
    };
    this.#entries = (Object.keys(handlers) as Route[]).map((route) => entry(route));
  }

  /**
   * @returns an `EventsAnswer`, a `FileAnswer`, or a value to be sent as JSON
   * @throws RequestError 404, or 405 if the path exists with another method
   */
  answer(request: IncomingMessage, url: URL): Promise<object> {
    const parts = url.pathname.split('/').map(decode);
    const method = request.method ?? '';
    const methods: string[] = [];
    for (const { method: own, segments, answer } of this.#entries) {
      const params = match(segments, parts);
      if (params && own === (method === 'HEAD' ? 'GET' : method)) return answer(request, url, params);
      if (params) methods.push(own);
    }
    if (methods.length > 0)
      throw new RequestError(405, {
        what: 'This method is not allowed here',
        expected: methods.join(', '),
        got: method,
      });
    throw new RequestError(404, {
      what: 'Nothing exists at this address',
      got: url.pathname.slice(0, 200),
    });
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new RequestError(400, { what: 'The address is malformed', got: part.slice(0, 200) });
  }
}

function match(segments: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (segments.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, segment] of segments.entries()) {
    if (segment.startsWith(':')) params[segment.slice(1)] = parts[i]!;
    else if (segment !== parts[i]) return undefined;
  }
  return params;
}
