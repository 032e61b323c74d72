/** A ratio as it was measured. */
export interface Ratio {
  /** NaN if there is none. */
  readonly value: number;
  /** The value is a bound: the ratio is at least, or at most, as large. */
  readonly bound?: 'least' | 'most' | undefined;
}

/** `0.45`, `≥ 4.8` or `≤ 0.30` for a bound, `—` for none. */
export function ratioText({ value, bound }: Ratio): string {
  if (Number.isNaN(value)) return '—';
  return `${bound === undefined ? '' : bound === 'least' ? '≥ ' : '≤ '}${value.toPrecision(2)}`;
}
