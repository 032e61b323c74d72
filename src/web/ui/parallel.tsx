import { type Value, valueIn } from '../../display/run-query.js';
import { useApp } from '../app/context.js';
import { runHref } from '../lib/route.js';
import { cellText, columnTitle, type RunRow } from '../lib/table/rows.js';
import { Scroll } from './scroll.js';

const WIDTH = 1100;
const HEIGHT = 260;
const [LEFT, RIGHT, TOP, BOTTOM] = [60, 60, 34, 22];
/** Different texts of an axis; with more, an axis could not be read. */
const MOST_TEXTS = 24;

interface ParallelAxis {
  readonly name: string;
  readonly low: string;
  readonly high: string;
  /** Position of a value from 0 to 1; undefined if the run does not have it. */
  readonly place: (row: RunRow) => number | undefined;
}

function axisFor(name: string, rows: readonly RunRow[]): ParallelAxis | undefined {
  const values = rows.flatMap((row) => valueIn(row, name) ?? []);
  const numbers = values.filter((value) => typeof value === 'number');
  if (numbers.length > 0 && numbers.length === values.length) return numeric(name, numbers);
  const texts = [...new Set(values.map(String))].sort();
  if (texts.length < 2 || texts.length > MOST_TEXTS) return undefined;
  return {
    name,
    low: texts[0]!,
    high: texts.at(-1)!,
    place: (row) => {
      const value = valueIn(row, name);
      return value === undefined ? undefined : texts.indexOf(String(value)) / (texts.length - 1);
    },
  };
}

function numeric(name: string, numbers: readonly number[]): ParallelAxis | undefined {
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  if (low === high) return undefined;
  // Rates differ by factors rather than by differences.
  const log = low > 0 && high / low >= 50;
  const scale = (value: number): number => (log ? Math.log(value) : value);
  return {
    name,
    low: cellText(name, low),
    high: cellText(name, high),
    place: (row) => {
      const value: Value | undefined = valueIn(row, name);
      if (typeof value !== 'number') return undefined;
      return (scale(value) - scale(low)) / (scale(high) - scale(low));
    },
  };
}

/**
 * Each run as a line over its settings and results. The colour follows the last axis.
 *
 * @param names settings first, the result last
 */
export function Parallel({ rows, names }: { rows: readonly RunRow[]; names: readonly string[] }) {
  const { t } = useApp();
  const axes = names.flatMap((name) => axisFor(name, rows) ?? []);
  if (axes.length < 2) return <p class="missing">{t('parallel.none')}</p>;
  const x = (i: number): number => LEFT + (i * (WIDTH - LEFT - RIGHT)) / (axes.length - 1);
  const y = (place: number): number => HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM);
  const last = axes.at(-1)!;
  return (
    <Scroll label={t('parallel.title')}>
      <svg
        class="parallel"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={t('parallel.label', {
          n: rows.length,
          names: axes.map(({ name }) => name).join(t('comma')),
        })}
      >
        {rows.map((row) => {
          const points = axes.flatMap((axis, i) => {
            const place = axis.place(row);
            return place === undefined ? [] : [`${x(i).toFixed(1)} ${y(place).toFixed(1)}`];
          });
          const result = last.place(row);
          if (points.length < 2) return null;
          return (
            // biome-ignore lint/a11y/noStaticElementInteractions: for the pointer; the table has the same links for keys.
            <path
              key={row.run.id}
              class="parallel-line"
              d={`M${points.join('L')}`}
              style={{ '--share': `${Math.round(100 * (result ?? 0))}%` }}
              onClick={() => {
                location.hash = runHref(row.run.id);
              }}
            >
              <title>
                {row.run.name}:{' '}
                {axes.map(({ name }) => `${name} ${cellText(name, valueIn(row, name))}`).join(' · ')}
              </title>
            </path>
          );
        })}
        {axes.map(({ name, low, high }, i) => (
          <g key={name} class="parallel-axis">
            <line x1={x(i)} x2={x(i)} y1={TOP} y2={HEIGHT - BOTTOM} />
            <text class="parallel-name" x={x(i)} y={12} text-anchor="middle">
              {columnTitle(name)}
            </text>
            <text x={x(i)} y={TOP - 6} text-anchor="middle">
              {high}
            </text>
            <text x={x(i)} y={HEIGHT - 6} text-anchor="middle">
              {low}
            </text>
          </g>
        ))}
      </svg>
    </Scroll>
  );
}
