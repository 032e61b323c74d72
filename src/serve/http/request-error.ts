import { type ErrorParts, PaperweightError } from '../../errors/errors.js';
import type { ApiError } from '../api.js';

/** An error with the HTTP status of its answer. */
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

/** The answer for an error. Unexpected errors are not described, because they may contain paths. */
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
