import { shorten } from '../../../display/svg-text.js';
import type { ClaimRow } from '../../../papers/page-types.js';
import { useApp } from '../../app/context.js';
import { claimBars } from '../../lib/measured.js';

const WIDTH = 290;
const ROW = 22;
const NAME = 132;

/** The values that a claim compares, as bars with their spread; the paper's number is a line across its bar. */
export function ClaimChart({ claim }: { claim: ClaimRow }) {
  const { t, language } = useApp();
  const { bars: rows, left } = claimBars(claim, language);
  if (rows.length === 0) return null;
  const hasPaper = rows.some(({ paper }) => paper !== undefined);
  const ends = rows.flatMap(({ value, spread, paper }) => [value + spread, value - spread, paper ?? value]);
  const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const x = (value: number): number => NAME + ((value - low) / (high - low || 1)) * (WIDTH - NAME - 4);
  return (
    <figure class="claim-chart">
      <svg
        viewBox={`0 0 ${WIDTH} ${rows.length * ROW}`}
        width={WIDTH}
        height={rows.length * ROW}
        aria-hidden="true"
      >
        {rows.map(({ name, value, spread, paper }, i) => {
          const middle = i * ROW + ROW / 2;
          return (
            <g key={name}>
              <text x="0" y={middle + 4}>
                {shorten(name, 20)}
              </text>
              <rect
                x={Math.min(x(0), x(value))}
                y={middle - 5}
                width={Math.max(1, Math.abs(x(value) - x(0)))}
                height="10"
              />
              {spread > 0 && (
                <path class="spread" d={`M${x(value - spread)} ${middle}H${x(value + spread)}`} />
              )}
              {paper !== undefined && <path class="paper-number" d={`M${x(paper)} ${middle - 9}v18`} />}
            </g>
          );
        })}
      </svg>
      {(left > 0 || hasPaper) && (
        <figcaption>
          {[
            ...(left > 0 ? [t('claims.left', { n: left })] : []),
            ...(hasPaper ? [t('claims.line')] : []),
          ].join(' ')}
        </figcaption>
      )}
    </figure>
  );
}
