import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { Parameter } from '../tensor/parameter.js';

/** The items of a list of parameters. @throws UsageError for anything else, such as a model or a single tensor */
export function listOfParameters(owner: string, params: unknown): unknown[] {
  const iterable = typeof params === 'object' && params !== null && Symbol.iterator in params;
  const module = typeof (params as { parameters?: unknown } | null | undefined)?.parameters === 'function';
  // A Sequential is iterable too, but over its layers.
  if (iterable && !module) return [...(params as Iterable<unknown>)];
  throw new UsageError({
    what: `${owner} takes a list of parameters`,
    expected: 'model.parameters()',
    got: shown(params),
    next: module
      ? 'pass its parameters()'
      : params instanceof Parameter
        ? 'pass it in an array'
        : 'pass model.parameters(), or an array of parameters',
  });
}
