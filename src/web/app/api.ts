import type { ApiError, Working } from '../../serve/api.js';

/** An answer that is an error, or no answer at all. */
export class ApiFailure extends Error {
  constructor(
    readonly detail: ApiError['error'],
    /** 0 when the server could not be reached. */
    readonly status: number,
  ) {
    super(detail.what);
  }
}

const isApiError = (value: unknown): value is ApiError =>
  typeof value === 'object' && value !== null && 'error' in value && typeof value.error === 'object';

/** A segment of a path below `/api`. */
export const at = (...segments: readonly (string | number)[]): string =>
  `/api/${segments.map((segment) => encodeURIComponent(segment)).join('/')}`;

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

export async function get<T>(url: string, signal?: AbortSignal): Promise<T> {
  return (await answer(url, signal ? { signal } : {})).body as T;
}

/** JSON, an image, or nothing as the body. */
export async function send<T>(
  method: 'POST' | 'PATCH' | 'DELETE',
  url: string,
  body?: object | File,
  signal?: AbortSignal,
): Promise<T> {
  const isFile = body instanceof Blob;
  return (
    await answer(url, {
      method,
      headers: {
        // A form of another site cannot send it.
        'X-Paperweight': '1',
        'Content-Type': isFile ? body.type || 'application/octet-stream' : 'application/json',
      },
      ...(body === undefined ? {} : { body: isFile ? body : JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    })
  ).body as T;
}

const isWorking = (status: number): boolean => status === 202;

/** Asks again until what the server works on is there; `progress` hears how far it is. */
export async function getWhenReady<T>(
  url: string,
  progress: (working: Working) => void,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    const { status, body } = await answer(url, { signal });
    if (!isWorking(status)) return body as T;
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
