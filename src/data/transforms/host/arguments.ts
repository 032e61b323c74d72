import { shown } from '../../../errors/arguments.js';
import { UsageError } from '../../../errors/errors.js';

/** @throws UsageError unless the value is a probability */
export function checkProbability(owner: string, p: unknown): asserts p is number {
  if (typeof p === 'number' && p >= 0 && p <= 1) return;
  throw new UsageError({ what: `${owner} got a bad probability`, expected: 'p in [0, 1]', got: shown(p) });
}

/** @throws UsageError unless the value is [low, high] within the limits */
export function checkRange(
  owner: string,
  name: string,
  range: unknown,
  { least = -Infinity, most = Infinity }: { readonly least?: number; readonly most?: number } = {},
): asserts range is readonly [number, number] {
  if (
    Array.isArray(range) &&
    range.length === 2 &&
    range.every((value) => typeof value === 'number' && Number.isFinite(value)) &&
    range[0] <= range[1] &&
    range[0] >= least &&
    range[1] <= most
  )
    return;
  throw new UsageError({
    what: `${owner} got a bad ${name}`,
    expected: `[low, high] with low not above high${least > -Infinity ? `, from ${least} on` : ''}`,
    got: shown(range),
  });
}
