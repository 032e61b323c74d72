/** A mean with its spread. */
export interface Summary {
  readonly mean: number;
  /** Sample standard deviation; 0 for a single value. */
  readonly std: number;
  readonly n: number;
}

export function summarise(values: readonly number[]): Summary {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: n > 1 ? Math.sqrt(squares / (n - 1)) : 0, n };
}

/** The difference of two means with its standard error (Welch); NaN if a side has only one value. */
export function difference(a: Summary, b: Summary): { value: number; error: number } {
  const error = a.n > 1 && b.n > 1 ? Math.sqrt(a.std ** 2 / a.n + b.std ** 2 / b.n) : Number.NaN;
  return { value: a.mean - b.mean, error };
}

/** True if a difference exceeds twice its standard error; always false for single runs. */
export const isClear = ({ value, error }: { value: number; error: number }): boolean =>
  Math.abs(value) > 2 * error;

/** `12.3 ± 0.4`, or `12.3` for a single value. */
export const show = ({ mean, std, n }: Summary, digits = 1): string =>
  n > 1 ? `${mean.toFixed(digits)} ± ${std.toFixed(digits)}` : mean.toFixed(digits);
