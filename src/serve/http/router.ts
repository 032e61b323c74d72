import type { IncomingMessage, ServerResponse } from 'node:http';
import { RequestError } from './request-error.js';

export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** What stands at `:name` in the route's path. */
  readonly params: Readonly<Record<string, string>>;
}

/** A value becomes JSON; undefined says that the handler has answered itself. */
export type Handler = (call: Call) => Promise<object | undefined>;

interface Route {
  readonly method: string;
  readonly segments: readonly string[];
  readonly handler: Handler;
}

/** Finds the handler of a request by its method and path. */
export class Router {
  readonly #routes: Route[] = [];

  /** @param path such as `/api/runs/:id` */
  on(method: string, path: string, handler: Handler): this {
    this.#routes.push({ method, segments: path.split('/'), handler });
    return this;
  }

  /** @throws RequestError 404, or 405 when only the method is wrong */
  find(method: string, path: string): { handler: Handler; params: Record<string, string> } {
    const parts = path.split('/').map(decode);
    const methods: string[] = [];
    for (const { method: own, segments, handler } of this.#routes) {
      const params = match(segments, parts);
      if (params && own === (method === 'HEAD' ? 'GET' : method)) return { handler, params };
      if (params) methods.push(own);
    }
    if (methods.length > 0)
      throw new RequestError(405, {
        what: 'This cannot be done here',
        expected: methods.join(', '),
        got: method,
      });
    throw new RequestError(404, { what: 'There is nothing at this address', got: path.slice(0, 200) });
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new RequestError(400, { what: 'The address is not well formed', got: part.slice(0, 200) });
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
