import { significant } from '../../lib/format.js';

const WIDTH = 200;
const HEIGHT = 44;

/** Counts as bars. The square root keeps a spike at zero from flattening the rest; a line marks zero. */
export function Histogram({
  histogram: { min, max, counts },
  label,
}: {
  histogram: { readonly min: number; readonly max: number; readonly counts: readonly number[] };
  label: string;
}) {
  const most = Math.sqrt(Math.max(1, ...counts));
  const bar = WIDTH / Math.max(1, counts.length);
  const zero = ((0 - min) / (max - min || 1)) * WIDTH;
  return (
    <div class="histogram">
      <svg preserveAspectRatio="none" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
        {counts.map((count, i) => {
          const height = (Math.sqrt(count) / most) * HEIGHT;
          return (
            <rect key={i} x={i * bar} y={HEIGHT - height} width={Math.max(0.5, bar - 0.6)} height={height} />
          );
        })}
        {zero >= 0 && zero <= WIDTH && <line x1={zero} x2={zero} y1="0" y2={HEIGHT} />}
      </svg>
      <p class="num" aria-hidden="true">
        <span>{significant(min, 2)}</span>
        <span>{significant(max, 2)}</span>
      </p>
    </div>
  );
}
