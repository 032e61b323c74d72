import { type Chart, divergedIn, yLabelOf } from '../papers/claims/chart.js';
import { textOf } from '../papers/claims/claim.js';
import type { Bilingual, SiteChart, SiteSeries } from './page-types.js';

const EPOCHS = { en: 'epoch', zh: '轮' };

export interface Point {
  readonly step: number;
  readonly value: number;
}

/** Five digits are more than a screen can show. */
const short = (value: number): number => Number(value.toPrecision(5));

export const seriesOf = (label: Bilingual, points: readonly Point[]): SiteSeries => ({
  label,
  x: points.map(({ step }) => short(step)),
  y: points.map(({ value }) => (Number.isFinite(value) ? short(value) : null)),
});

/** A paper's chart, without series that have no points. */
export function chartOf(chart: Chart): SiteChart {
  const { name, title, xLabel = EPOCHS, unit = ' %', log, dots, dashed, range, mark, series } = chart;
  return {
    name,
    title,
    xLabel,
    yLabel: yLabelOf(chart),
    unit: log ? '' : unit,
    ...(log ? { log } : {}),
    ...(dots ? { dots } : {}),
    ...(dashed ? { dashed } : {}),
    ...(range ? { range } : {}),
    ...(mark === undefined ? {} : { mark }),
    series: series
      .filter(({ points }) => points.some(({ value }) => Number.isFinite(value)))
      .map(({ label, points }) => {
        const diverged = divergedIn(points);
        return { ...seriesOf(textOf(label), points), ...(diverged.length > 0 ? { diverged } : {}) };
      }),
  };
}
