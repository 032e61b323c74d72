/** How many times as large one measurement is as another. */
export interface Ratio {
  /** NaN if neither of the two could be measured. */
  readonly value: number;
  /** The value is a bound: the ratio is at least, or at most, as large. */
  readonly bound?: 'least' | 'most' | undefined;
}

/** `0.45`, `≥ 4.8` or `≤ 0.30` for a bound, `—` for a ratio that has no value. */
export function ratioText({ value, bound }: Ratio): string {
  if (Number.isNaN(value)) return '—';
  return `${bound === undefined ? '' : bound === 'least' ? '≥ ' : '≤ '}${value.toPrecision(2)}`;
}
