/** Summary of repeated measurements. */
export interface Spread {
  readonly min: number;
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
  readonly max: number;
  /** Number of measurements. */
  readonly samples: number;
}

/**
 * Quantile of the measurements with linear interpolation, NumPy's default.
 *
 * @param part from 0 to 1
 * @throws RangeError if there are no measurements
 */
export function percentile(values: readonly number[], part: number): number {
  if (values.length === 0) throw new RangeError('a percentile needs at least one value');
  const sorted = [...values].sort((a, b) => a - b);
  const at = part * (sorted.length - 1);
  const low = Math.floor(at);
  const [a, b] = [sorted[low]!, sorted[Math.ceil(at)]!];
  return a + (at - low) * (b - a);
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

export function spread(values: readonly number[]): Spread {
  const [min, q1, middle, q3, max] = [0, 0.25, 0.5, 0.75, 1].map((part) => percentile(values, part));
  return { min: min!, q1: q1!, median: middle!, q3: q3!, max: max!, samples: values.length };
}
