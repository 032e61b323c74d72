import assert from 'node:assert/strict';

export interface Tolerance {
  /** Allowed error as a fraction of the expected value. */
  readonly rtol: number;
  /** Allowed error beside that. */
  readonly atol: number;
}

/**
 * Fails unless every value is within atol + rtol · |expected|; equal infinities and two NaN count as equal.
 * The message names the first and the worst offender.
 */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol, atol }: Tolerance,
  label: string,
): void {
  assert.equal(actual.length, expected.length, `${label}: number of values`);
  let first = -1;
  let worst = -1;
  let worstExcess = 0;
  let count = 0;
  for (let i = 0; i < actual.length; i++) {
    const a = actual[i]!;
    const e = expected[i]!;
    if (Object.is(a, e) || a === e) continue;
    const error = Math.abs(a - e);
    // A NaN error, from NaN or an infinity on one side, is the worst that there can be.
    const excess = Number.isFinite(error) ? error / (atol + rtol * Math.abs(e)) : Number.POSITIVE_INFINITY;
    if (excess <= 1) continue;
    count++;
    if (first < 0) first = i;
    if (excess > worstExcess) {
      worst = i;
      worstExcess = excess;
    }
  }
  if (first < 0) return;
  const show = (i: number) => `at ${i}: got ${actual[i]}, expected ${expected[i]}`;
  assert.fail(
    `${label}: ${count} of ${actual.length} values are off; first ${show(first)}; worst ${show(worst)} ` +
      `(${worstExcess.toPrecision(3)} times the tolerance; rtol ${rtol}, atol ${atol})`,
  );
}
