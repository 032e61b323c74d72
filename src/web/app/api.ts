import type { ApiError, Working } from '../../serve/api.js';
import type { Answer, Input, InputArgument, Route, RouteWith } from '../../serve/route-table.js';
import { addressOf, methodOf } from '../lib/address.js';

/** A request that failed or got an error answer. */
export class ApiFailure extends Error {
  constructor(
    readonly detail: ApiError['error'],
    /** HTTP status; 0 if the server could not be reached. */
    readonly status: number,
  ) {
    super(detail.what);
  }
}

const isApiError = (value: unknown): value is ApiError =>
  typeof value === 'object' && value !== null && 'error' in value && typeof value.error === 'object';

async function answer(url: string, init: RequestInit): Promise<{ status: number; body: unknown }> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiFailure({ what: 'unreachable', got: String(error) }, 0);
  }
  const text = await response.text();
  let body: unknown;
  try {
    body = text === '' ? undefined : JSON.parse(text);
  } catch {
    body = undefined;
  }
  if (!response.ok)
    throw new ApiFailure(
      isApiError(body)
        ? body.error
        : { what: `${init.method ?? 'GET'} ${url}`, got: `${response.status} ${response.statusText}` },
      response.status,
    );
  return { status: response.status, body };
}

type JsonRoute = RouteWith<'answer'>;
type GetRoute = JsonRoute & `GET ${string}`;
type SendRoute = Exclude<JsonRoute, GetRoute>;
/** Arguments of a request: its input, if it needs any, and an abort signal. */
type Arguments<R extends Route> =
  Record<never, never> extends Input<R>
    ? [input?: Input<R>, signal?: AbortSignal]
    : [input: Input<R>, signal?: AbortSignal];

/** Requests an answer that is available at once. */
export async function get<R extends Exclude<GetRoute, RouteWith<'working'>>>(
  route: R,
  ...[input, signal]: Arguments<R>
): Promise<Answer<R>> {
  const address = addressOf(route, ...([input] as InputArgument<R>));
  return (await answer(address, signal ? { signal } : {})).body as Answer<R>;
}

/** Sends JSON, an image, or no body. */
export async function send<R extends SendRoute>(
  route: R,
  ...[input, signal]: Arguments<R>
): Promise<Answer<R>> {
  const body = (input as { readonly body?: object } | undefined)?.body;
  const isFile = body instanceof Blob;
  const address = addressOf(route, ...([input] as InputArgument<R>));
  return (
    await answer(address, {
      method: methodOf(route),
      headers: {
        // Forms of another site cannot send this header.
        'X-Paperweight': '1',
        'Content-Type': isFile ? body.type || 'application/octet-stream' : 'application/json',
      },
      ...(body === undefined ? {} : { body: isFile ? body : JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    })
  ).body as Answer<R>;
}

const isWorking = (status: number): boolean => status === 202;

/** Repeats a request until the server has computed the answer; `progress` gets the intermediate states. */
export async function getWhenReady<R extends GetRoute & RouteWith<'working'>>(
  route: R,
  input: Input<R>,
  progress: (working: Working) => void,
  signal: AbortSignal,
): Promise<Answer<R>> {
  const address = addressOf(route, ...([input] as InputArgument<R>));
  for (;;) {
    const { status, body } = await answer(address, { signal });
    if (!isWorking(status)) return body as Answer<R>;
    progress(body as Working);
    await new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, 700);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    });
  }
}
