import { checkInteger, isInteger, shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import type { Node } from '../graph/node.js';
import type { Pair } from '../ops/conv2d.js';
import { Tensor } from '../tensor/tensor.js';

/** One number for both dimensions, or [height, width]. */
export type Size = number | Pair;

const isSize = (value: unknown, least: number): boolean =>
  (typeof value === 'number' || (Array.isArray(value) && value.length === 2)) &&
  [value].flat().every((v) => isInteger(v, least));

/** @throws UsageError unless every value is an integer of at least `least`, or a pair of them */
export function checkIntegers(layer: string, values: Readonly<Record<string, unknown>>, least: number): void {
  for (const [name, value] of Object.entries(values))
    if (!isSize(value, least))
      throw new UsageError({
        what: `${layer} got a bad ${name}`,
        expected: `integers of at least ${least}`,
        got: shown(value),
      });
}

/** @throws UsageError unless every value is an integer of at least `least` */
export function checkCounts(layer: string, values: Readonly<Record<string, unknown>>, least: number): void {
  for (const [name, value] of Object.entries(values)) checkInteger(layer, name, value, { least });
}

/** The node of a layer's input. @throws UsageError if it is not a tensor */
export function nodeOf(layer: string, x: unknown): Node {
  if (x instanceof Tensor) return x.node;
  throw new UsageError({
    what: `${layer} computes on tensors`,
    expected: 'a Tensor',
    got: shown(x),
    next: 'convert numbers with tensor(…), and await promises',
  });
}

/** A Size as Python prints it: `3` or `(3, 3)`. */
export const showSize = (size: Size): string =>
  typeof size === 'number' ? String(size) : `(${size.join(', ')})`;

/** A number as Python prints a float: `1.0`, `0.75`, `1e-05`. */
export function showFloat(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** `True` or `False`. */
export const showBoolean = (value: boolean): string => (value ? 'True' : 'False');

/** The row of a table that a negative number counts from the end. @throws UsageError if there is no such row */
export function rowOf(owner: string, given: number | undefined, rows: number): number | undefined {
  const row = typeof given === 'number' && given < 0 ? given + rows : given;
  if (row === undefined || (isInteger(row) && row < rows)) return row;
  throw new UsageError({
    what: `${owner} got a bad paddingIdx`,
    expected: `a row in [${-rows}, ${rows - 1}]`,
    got: shown(given),
  });
}
