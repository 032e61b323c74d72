import { percent } from '../../lib/format.js';

export interface Bar {
  readonly label: string;
  /** Percent. */
  readonly value: number;
  readonly color?: string;
  /** Marks the correct class. */
  readonly truth?: boolean;
}

/** Percentages as bars with numbers. */
export function Bars({ bars }: { bars: readonly Bar[] }) {
  return (
    <ol class="bars">
      {bars.map(({ label, value, color, truth }) => (
        <li key={label} class={truth ? 'truth' : ''}>
          <span class="bar-label">{label}</span>
          <svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
            <rect class="bar-all" width="100" height="10" />
            <rect
              class="bar-part"
              width={Math.max(value, 0.4)}
              height="10"
              {...(color ? { style: { fill: `var(${color})` } } : {})}
            />
          </svg>
          <span class="num">{percent(value)}</span>
        </li>
      ))}
    </ol>
  );
}
