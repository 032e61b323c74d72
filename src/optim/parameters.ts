import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { Parameter } from '../tensor/tensor.js';

/** What a list of parameters holds. @throws UsageError for a model, a single tensor, or anything else in its place */
export function listOfParameters(owner: string, params: unknown): unknown[] {
  const iterable = typeof params === 'object' && params !== null && Symbol.iterator in params;
  const module = typeof (params as { parameters?: unknown } | null | undefined)?.parameters === 'function';
  // A Sequential is a list of its layers.
  if (iterable && !module) return [...(params as Iterable<unknown>)];
  throw new UsageError({
    what: `${owner} works on a list of parameters`,
    expected: 'model.parameters()',
    got: shown(params),
    next: module
      ? 'pass its parameters()'
      : params instanceof Parameter
        ? 'pass it in an array'
        : 'pass model.parameters(), or an array of parameters',
  });
}
