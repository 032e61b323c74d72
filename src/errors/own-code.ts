import { shown } from './arguments.js';
import { DataError, PaperweightError, ShapeError, UsageError } from './errors.js';

/** A function of a paper has thrown an error, which is the cause. */
export class OwnCodeError extends PaperweightError {
  static {
    OwnCodeError.prototype.name = 'OwnCodeError';
  }
}

/** Errors that are thrown again with the name of the function in front. */
const REFUSALS = [UsageError, ShapeError, DataError];
const named = new WeakSet<object>();

/**
 * Calls a function that a paper brings, so that its errors say where they come from.
 *
 * @param name of the function, such as "loss() of Tiny GAN"
 * @throws OwnCodeError for an error of the paper's own; a refusal of the package keeps its class, and says in which
 *   function it came about
 */
export function callOwn<T>(name: string, call: () => T): T {
  try {
    const result = call();
    if (!(result instanceof Promise)) return result;
    return result.catch((error: unknown) => {
      throw inFunction(name, error);
    }) as T;
  } catch (error) {
    throw inFunction(name, error);
  }
}

function inFunction(name: string, error: unknown): unknown {
  if (error instanceof PaperweightError) {
    const Kind = REFUSALS.find((one) => error.constructor === one);
    if (!Kind || named.has(error)) return error;
    const { what, expected, got, next } = error;
    const again = new Kind({
      what: `${name}: ${what}`,
      ...(expected === undefined ? {} : { expected }),
      ...(got === undefined ? {} : { got }),
      ...(next === undefined ? {} : { next }),
      cause: error,
    });
    named.add(again);
    return again;
  }
  // The request to stop an evaluation is no mistake.
  if (error instanceof Error && error.name === 'AbortError') return error;
  return new OwnCodeError({
    what: `${name} threw ${error instanceof Error ? `${/^[AEIOU]/.test(error.name) ? 'an' : 'a'} ${error.name}` : 'something that is not an Error'}`,
    got: error instanceof Error ? error.message : shown(error),
    next: `correct ${name}`,
    cause: error,
  });
}
