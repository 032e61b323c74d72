/**
 * Moving average whose weights fall off with the distance in steps, so that a curve looks the same at every zoom:
 * buckets of any width carry as much weight as the steps that they stand for. Corrected for its start, as Adam
 * corrects its moments. A value that is not a number breaks nothing: the average goes on without it.
 *
 * @param span steps after which a value's weight has fallen to 1/e; 0 leaves the values as they are
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
 * What a slider from 0 to 100 means in steps: nothing at 0, then 1 step to a fifth of the run, evenly in
 * logarithm.
 */
export function spanOf(slider: number, steps: number): number {
  if (slider <= 0) return 0;
  const most = Math.max(2, steps / 5);
  return most ** (Math.min(slider, 100) / 100);
}
