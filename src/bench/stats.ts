/** How repeated measurements lie. */
export interface Spread {
  readonly min: number;
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
  readonly max: number;
  /** How many there are. */
  readonly samples: number;
}

/**
 * The value below which a part of the measurements lies, between neighbours by linear interpolation, as NumPy
 * does by default.
 *
 * @param part from 0 to 1
 * @throws RangeError for no measurements at all
 */
export function percentile(values: readonly number[], part: number): number {
  if (values.length === 0) throw new RangeError('there is no percentile of nothing');
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
