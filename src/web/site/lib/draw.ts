import { isDrawable, robustLimits, wholeLimits } from '../../../display/robust-limits.js';
import { seriesColour, seriesDash } from '../../../display/series-colours.js';
import { escapeXml, round } from '../../../display/svg-text.js';
import { ticks } from '../../../display/ticks.js';
import type { SiteChart, SiteSeries } from '../../../site/page-types.js';
import { significant } from '../../lib/format.js';

/** A chart in one language, without its name and title. */
export interface Drawn extends Omit<SiteChart, 'name' | 'title' | 'xLabel' | 'yLabel' | 'series'> {
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly DrawnSeries[];
}

export interface DrawnSeries extends Omit<SiteSeries, 'label'> {
  readonly label: string;
}

export interface Frame {
  readonly width: number;
  readonly height: number;
  /** The part of the horizontal axis that is shown. */
  readonly view: View;
}

export interface View {
  readonly from: number;
  readonly to: number;
}

/** Where a chart's numbers are in its drawing. */
export interface Scales {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  /** The reverse of `x`. */
  readonly at: (x: number) => number;
}

/** All positions that have a value. */
export function wholeView({ series }: Pick<Drawn, 'series'>): View {
  let [from, to] = [0, Number.NEGATIVE_INFINITY];
  for (const { x } of series)
    for (const value of x) {
      if (value < from) from = value;
      if (value > to) to = value;
    }
  return { from, to: to > from ? to : from + 1 };
}

/** Ends of the vertical axis for what is shown. */
function limitsOf(chart: Drawn, { from, to }: View): readonly [low: number, high: number] {
  const whole = wholeView(chart);
  const isWhole = from <= whole.from && to >= whole.to;
  if (isWhole && chart.range) return chart.range;
  const shown = chart.series.map(({ x, y }) => y.filter((_, i) => x[i]! >= from && x[i]! <= to));
  const limits = (isWhole ? robustLimits : wholeLimits)(
    chart.log ? shown.map((values) => values.filter((value) => isDrawable(value, true))) : shown,
  );
  if (!limits) return [0, 1];
  const low = chart.mark === undefined || !isWhole ? limits.min : Math.min(limits.min, chart.mark);
  const high = chart.mark === undefined || !isWhole ? limits.max : Math.max(limits.max, chart.mark);
  if (chart.log) return [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high) + 1e-9)];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  // The whole range of a chart starts at zero, as in the paper's figures, unless that squeezes it.
  return [isWhole && low >= 0 && low < 0.7 * high ? 0 : low - room, high + room];
}

export function scalesOf(chart: Drawn, { width, height, view }: Frame): Scales {
  const [low, high] = limitsOf(chart, view);
  const [left, right, top, bottom] = [58, width - 12, 26, height - 40];
  const share = (value: number): number =>
    chart.log
      ? (Math.log10(value) - Math.log10(low)) / (Math.log10(high) - Math.log10(low) || 1)
      : (value - low) / (high - low || 1);
  return {
    left,
    right,
    top,
    bottom,
    x: (value) => left + ((right - left) * (value - view.from)) / (view.to - view.from),
    at: (x) => view.from + ((x - left) / (right - left)) * (view.to - view.from),
    y: (value) => bottom - (bottom - top) * Math.min(1, Math.max(0, share(value))),
  };
}

function valueTicks(chart: Drawn, view: View): readonly (readonly [value: number, text: string])[] {
  const [low, high] = limitsOf(chart, view);
  if (!chart.log) return ticks(low, high, 5).map((value) => [value, `${significant(value, 4)}${chart.unit}`]);
  const [first, last] = [Math.round(Math.log10(low)), Math.round(Math.log10(high))];
  const every = Math.max(1, Math.ceil((last - first) / 5));
  const powers = Array.from(
    { length: Math.floor((last - first) / every) + 1 },
    (_, i) => 10 ** (first + i * every),
  );
  // One or two powers of ten are too few lines.
  const values = last - first > 2 ? powers : powers.flatMap((power) => [power, 2 * power, 5 * power]);
  return values.filter((value) => value <= high).map((value) => [value, significant(value)] as const);
}

/** The lines of one series: broken where a value is missing, and clipped to what is shown and one point beyond. */
function pathOf({ x, y }: DrawnSeries, chart: Drawn, scales: Scales, view: View): string {
  let path = '';
  let pen = false;
  for (let i = 0; i < x.length; i++) {
    const value = y[i];
    const near = (x[i + 1] ?? x[i]!) >= view.from && (x[i - 1] ?? x[i]!) <= view.to;
    if (!isDrawable(value, chart.log) || !near) {
      pen = false;
      continue;
    }
    path += `${pen ? 'L' : 'M'}${round(scales.x(x[i]!))} ${round(scales.y(value))}`;
    pen = true;
  }
  return path;
}

/** The content of an `<svg>` of this size. Colours and fonts are those of the page. */
export function drawChart(chart: Drawn, frame: Frame): string {
  const { width, height, view } = frame;
  const scales = scalesOf(chart, frame);
  const { left, right, top, bottom, x, y } = scales;
  const parts: string[] = [];
  const text = (cls: string, at: readonly [number, number], words: string) =>
    parts.push(`<text class="${cls}" x="${round(at[0])}" y="${round(at[1])}">${escapeXml(words)}</text>`);
  for (const [value, label] of valueTicks(chart, view)) {
    parts.push(
      `<path class="grid" d="M${left} ${round(y(value))}H${right}"/>`,
      `<text class="tick end" x="${left - 8}" y="${round(y(value) + 4)}">${escapeXml(label)}</text>`,
    );
  }
  for (const value of ticks(view.from, view.to, Math.max(2, Math.floor(width / 110))))
    text('tick middle', [x(value), bottom + 18], significant(value, 6));
  text('tick middle', [(left + right) / 2, height - 4], chart.xLabel);
  text('tick', [4, 13], chart.yLabel);
  if (chart.mark !== undefined) {
    parts.push(`<path class="mark" d="M${left} ${round(y(chart.mark))}H${right}"/>`);
    text('mark-text end', [right, y(chart.mark) - 6], `${chart.mark}${chart.unit}`);
  }
  const [low, high] = limitsOf(chart, view);
  // An inner drawing cuts off lines that lead out of what is shown.
  const inner = [left, top - 4, right - left, bottom - top + 8].map(round);
  parts.push(
    `<svg x="${inner[0]}" y="${inner[1]}" width="${inner[2]}" height="${inner[3]}" viewBox="${inner.join(' ')}">`,
  );
  for (const [i, series] of chart.series.entries()) {
    const cls = `line run-${seriesColour(i)}`;
    const dash = seriesDash(i, chart.dashed ? 1 : undefined);
    const dashed = dash ? ` stroke-dasharray="${dash.join(' ')}"` : '';
    if (!chart.dots) parts.push(`<path class="${cls}" d="${pathOf(series, chart, scales, view)}"${dashed}/>`);
    const alone = series.y.filter((value) => isDrawable(value, chart.log)).length === 1;
    for (const [k, value] of series.y.entries()) {
      const at = series.x[k]!;
      if (!isDrawable(value, chart.log) || at < view.from || at > view.to) continue;
      if (chart.dots || alone)
        parts.push(`<circle class="${cls} dot" cx="${round(x(at))}" cy="${round(y(value))}" r="2.5"/>`);
      // A value outside of the axis is drawn at its edge, and marked.
      if (value > high) parts.push(`<path class="${cls} dot" d="M${round(x(at))} ${top}l4 7h-8z"/>`);
      if (value < low) parts.push(`<path class="${cls} dot" d="M${round(x(at))} ${bottom}l4 -7h-8z"/>`);
    }
  }
  const crosses = new Map<number, number>();
  for (const [i, { diverged = [] }] of chart.series.entries())
    for (const at of diverged.filter((step) => step >= view.from && step <= view.to)) {
      // Those of several curves at one place stand on each other.
      const row = crosses.get(at) ?? 0;
      crosses.set(at, row + 1);
      const [middle, foot] = [round(x(at)), round(bottom - 11 * row)];
      parts.push(`<path class="line run-${seriesColour(i)}" d="M${middle} ${foot}m-4-8l8 8m0-8l-8 8"/>`);
    }
  parts.push('</svg>');
  return `<svg viewBox="0 0 ${round(width)} ${round(height)}" width="${round(width)}" height="${round(height)}" aria-hidden="true" focusable="false">${parts.join('')}</svg>`;
}
