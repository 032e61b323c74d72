/**
 * Moving average whose weights decay with the distance in steps, so that a curve looks the same at every zoom level:
 * each bucket is weighted by the number of steps that it covers. Divided by the sum of the weights, so that the first values count in full. NaN
 * and infinity are skipped.
 *
 * @param span steps after which a value's weight has decayed to 1/e; 0 disables smoothing
 */
export function smooth(
  step: readonly number[],
  value: readonly (number | null)[],
  span: number,
): (number | null)[] {
  if (!(span > 0)) return [...value];
  let mean = 0;
  let weight = 0;
  let before: number | undefined;
  return value.map((v, i) => {
    if (v === null || !Number.isFinite(v)) return weight > 0 ? mean : null;
    const at = step[i] ?? 0;
    const keep = Math.exp(-Math.max(at - (before ?? at - 1), 1e-9) / span);
    before = at;
    mean = weight === 0 ? v : mean + ((v - mean) * (1 - keep)) / (weight * keep + (1 - keep));
    weight = weight * keep + (1 - keep);
    return mean;
  });
}

/**
 * Converts a slider position from 0 to 100 to steps: 0 at 0, then logarithmically from 1 step to a fifth of the run.
 */
export function spanOf(slider: number, steps: number): number {
  if (slider <= 0) return 0;
  const most = Math.max(2, steps / 5);
  return most ** (Math.min(slider, 100) / 100);
}
