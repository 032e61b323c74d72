import { isDrawable, type Limits, robustLimits } from '../display/robust-limits.js';
import { SERIES_COLOURS, seriesDash } from '../display/series-colours.js';
import { round, shorten } from '../display/svg-text.js';
import { TICKS, ticks } from '../display/ticks.js';
import { grouped } from '../errors/counted.js';
import type { Point } from './curve.js';
import { drawOutside } from './drawing/outlier-marks.js';
import { Drawing } from './drawing/svg.js';

export interface Series {
  readonly label: string;
  /** `step` is the horizontal position, in any unit. */
  readonly points: readonly Point[];
  /** Positions of values that are NaN or infinite. */
  readonly gaps?: readonly number[];
}

export interface CurvesOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  /** Logarithmic vertical axis; values of 0 or less are skipped. */
  readonly log?: boolean;
  /** Top of a linear axis from 0; default: the largest value. */
  readonly top?: number;
  /** Ends of a linear axis; default: from 0, or the smallest negative value, to `top`. */
  readonly range?: readonly [from: number, to: number];
  /** Points without lines between them. */
  readonly dots?: boolean;
  /** A dash pattern for each series; default: for every eight, when the colours begin again. */
  readonly dashed?: boolean;
  /** Unit after each number of a linear axis, such as ` %`. */
  readonly unit?: string;
  /** A value marked by a horizontal line. */
  readonly mark?: number | undefined;
}

const WIDTH = 860;
const HEIGHT = 400;
/** A legend beside the curves has at most this many lines; a longer one stands below them, in columns. */
const LINES = 16;
const LINE = 18;
const LEGEND = { beside: 170, columns: 4 };

/** Several labelled curves over one axis. */
export function curvesSvg(options: CurvesOptions): string {
  const {
    title,
    xLabel,
    yLabel,
    series,
    log = false,
    unit = '',
    dots = false,
    dashed = false,
    mark,
  } = options;
  const beside = series.length <= LINES;
  const area = { left: 66, right: WIDTH - (beside ? LEGEND.beside : 20), top: 66, bottom: HEIGHT - 48 };
  const below = beside ? 0 : LINE * Math.ceil(series.length / LEGEND.columns) + 8;
  const drawing = new Drawing(
    WIDTH,
    HEIGHT + below,
    `${title}. ${series.map(({ label }) => label).join(', ')}`,
  );
  const all = series.flatMap(({ points }) => points.filter((p) => isDrawable(p.value, log)));
  // The axis begins at 0 unless there are negative positions.
  const places = [...all.map((p) => p.step), ...series.flatMap(({ gaps = [] }) => gaps)];
  const near = places.reduce((least, step) => Math.min(least, step), 0);
  const last = places.reduce((most, step) => Math.max(most, step), near);
  const far = last > near ? last : near + 1;
  const x = (at: number): number => area.left + ((area.right - area.left) * (at - near)) / (far - near);
  const scale = log
    ? logScale(all, mark)
    : linearScale(series, { given: options.range ?? options.top, mark, unit });
  const y = (value: number): number => area.bottom - (area.bottom - area.top) * scale.share(value);
  drawing.text('h', [area.left - 46, 26], title, { size: 15 });
  drawing.text('m', [area.left - 46, 48], yLabel);
  for (const [value, label] of scale.ticks) {
    drawing.line('g', [area.left, y(value)], [area.right, y(value)]);
    drawing.text('m', [area.left - 8, y(value) + 4], label, { anchor: 'end', size: 12 });
  }
  for (const tick of ticks(near, far, TICKS).filter(Number.isInteger))
    drawing.text('m', [x(tick), area.bottom + 20], grouped(tick), { anchor: 'middle' });
  drawing.text('m', [(area.left + area.right) / 2, HEIGHT - 8], xLabel, { anchor: 'middle' });
  if (mark !== undefined) {
    drawing.line('chance', [area.left, y(mark)], [area.right, y(mark)]);
    // Single points often stand at the right edge.
    const [at, anchor] = dots ? ([area.left, 'start'] as const) : ([area.right, 'end'] as const);
    drawing.text('chance-t', [at, y(mark) - 6], `${mark}${unit}`, { anchor, size: 12 });
  }
  for (const [i, { label, points, gaps = [] }] of series.entries()) {
    const cls = `s s${i % SERIES_COLOURS}`;
    const dash = seriesDash(i, dashed ? 1 : undefined)?.join(' ') ?? '';
    const shown = points.map((p) => [x(p.step), isDrawable(p.value, log) ? y(p.value) : Number.NaN] as const);
    if (!dots) drawing.path(cls, shown, { dash });
    // A single point makes no visible line.
    for (const at of dots || shown.length === 1 ? shown : [])
      if (Number.isFinite(at[1])) drawing.circle(cls, at, 2.5);
    const where = (is: (value: number) => boolean) =>
      points.filter((p) => isDrawable(p.value, log) && is(p.value)).map((p) => x(p.step));
    const above = where((value) => value > scale.most);
    const under = where((value) => value < scale.least);
    // Crosses of several curves at one place stand on each other.
    const row = series.slice(0, i).filter((s) => s.gaps?.some((step) => gaps.includes(step))).length;
    drawOutside(drawing, area, { cls, above, below: under, gaps: gaps.map(x), row });
    const [left, line] = beside
      ? [area.right + 14, area.top + LINE * i]
      : legendPlace(i, { left: area.left - 46, right: area.right });
    drawing.path(
      cls,
      [
        [left, line],
        [left + 22, line],
      ],
      { dash },
    );
    drawing.text('m', [left + 28, line + 4], shorten(label, beside ? 20 : 26), { size: 12 });
  }
  return drawing.toString();
}

/** Where an entry of a legend below the curves begins. */
function legendPlace(
  index: number,
  { left, right }: { readonly left: number; readonly right: number },
): readonly [x: number, y: number] {
  const [column, row] = [index % LEGEND.columns, Math.floor(index / LEGEND.columns)];
  return [left + (column * (right - left)) / LEGEND.columns, HEIGHT + 10 + LINE * row];
}

interface Scale {
  /** Values beyond the ends are drawn at the edge and marked. */
  readonly least: number;
  readonly most: number;
  /** 0 at the bottom, 1 at the top. */
  readonly share: (value: number) => number;
  readonly ticks: readonly (readonly [value: number, label: string])[];
}

function linearScale(
  series: readonly Series[],
  {
    given,
    mark = 0,
    unit,
  }: {
    readonly given: number | readonly [from: number, to: number] | undefined;
    readonly mark: number | undefined;
    readonly unit: string;
  },
): Scale {
  const values = robustLimits(series.map(({ points }) => points.map(({ value }) => value)));
  // A mark beyond the axis would be drawn at a wrong place.
  const limits = values && { min: Math.min(values.min, mark), max: Math.max(values.max, mark) };
  const [bottom, top] = typeof given === 'object' ? given : aroundZero(limits, given);
  return {
    least: bottom,
    most: top,
    share: (value) => Math.min(1, Math.max(0, (value - bottom) / (top - bottom))),
    ticks: ticks(bottom, top, TICKS).map((tick) => [tick, `${tick}${unit}`] as const),
  };
}

/** An axis from zero, or from the smallest value if that is negative. */
function aroundZero(limits: Limits | undefined, given: number | undefined): readonly [number, number] {
  const bottom = Math.min(0, limits?.min ?? 0) * 1.05;
  const top = given ?? Math.max(0, limits?.max ?? 0) * 1.05;
  return [bottom, top > bottom ? top : bottom + 1];
}

/** Whole powers of ten around the values and the marked one; with many, only every second one has a label. */
function logScale(points: readonly Point[], mark: number | undefined): Scale {
  const values = [...points.map(({ value }) => value), ...(mark === undefined ? [] : [mark])];
  const logs = values.filter((value) => value > 0).map(Math.log10);
  const low = logs.length > 0 ? Math.floor(logs.reduce((a, b) => Math.min(a, b))) : 0;
  const high = Math.max(low + 1, logs.length > 0 ? Math.ceil(logs.reduce((a, b) => Math.max(a, b))) : 1);
  const every = Math.ceil((high - low) / 6);
  const powers = Array.from({ length: Math.floor((high - low) / every) + 1 }, (_, i) => low + i * every);
  return {
    least: Number.NEGATIVE_INFINITY,
    most: Number.POSITIVE_INFINITY,
    share: (value) => (Math.log10(value) - low) / (high - low),
    ticks: powers.map((p) => [
      10 ** p,
      Math.abs(p) <= 3 ? String(Number((10 ** p).toPrecision(1))) : `1e${p}`,
    ]),
  };
}

/** Formats a share as a percentage. */
export const percent = (share: number): string => `${round(100 * share)} %`;
