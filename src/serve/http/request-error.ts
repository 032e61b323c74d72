import { type ErrorParts, PaperweightError } from '../../errors/errors.js';
import type { ApiError } from '../api.js';

/** A request that cannot be answered; `status` is the HTTP status. */
export class RequestError extends PaperweightError {
  static {
    RequestError.prototype.name = 'RequestError';
  }

  constructor(
    readonly status: number,
    parts: ErrorParts,
  ) {
    super(parts);
  }
}

/** The body that belongs to an error. An error that nobody foresaw is not described: it may hold paths. */
export function errorBody(error: unknown): { status: number; body: ApiError } {
  if (!(error instanceof PaperweightError))
    return {
      status: 500,
      body: { error: { what: 'The server failed on this request; its terminal says why' } },
    };
  const { what, expected, got, next } = error;
  return {
    status: error instanceof RequestError ? error.status : 422,
    body: {
      error: {
        what,
        ...(expected === undefined ? {} : { expected }),
        ...(got === undefined ? {} : { got }),
        ...(next === undefined ? {} : { next }),
      },
    },
  };
}
