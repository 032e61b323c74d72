import { UsageError } from '../errors/errors.js';
import type { Pair } from '../ops/conv2d.js';

/** One number for both directions, or [height, width]. */
export type Size = number | Pair;

export const pair = (size: Size): Pair => (typeof size === 'number' ? [size, size] : size);

/** Throws UsageError unless every value is an integer of at least `least`. */
export function checkIntegers(layer: string, values: Readonly<Record<string, Size>>, least: number): void {
  for (const [name, value] of Object.entries(values)) {
    if (pair(value).every((v) => Number.isInteger(v) && v >= least) && pair(value).length === 2) continue;
    throw new UsageError({
      what: `${layer} got a bad ${name}`,
      expected: `integers of at least ${least}`,
      got: String(value),
    });
  }
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
