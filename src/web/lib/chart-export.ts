import { plainText } from '../../display/plain-text.js';
import type { Limits } from '../../display/robust-limits.js';
import { escapeXml, round, shorten } from '../../display/svg-text.js';
import { widthOf } from '../../display/text-width.js';
import { ticks } from '../../display/ticks.js';
import { isolated } from './curves/isolated.js';
import { type ExportedLine, outsideOf } from './points-outside-frame.js';
import type { Range } from './range.js';

/** A chart as displayed, for export to a file. */
export interface ExportedChart {
  readonly title: string;
  /** Name of the horizontal axis. */
  readonly xLabel: string;
  /** A position on the horizontal axis as text. */
  readonly xText: (x: number) => string;
  readonly lines: readonly ExportedLine[];
  readonly range: Range;
  /** The visible vertical limits. */
  readonly frame: Limits;
  readonly log: boolean;
  readonly format: (value: number) => string;
}

/** A CSV cell. Names that start like a formula are quoted, so that spreadsheets do not evaluate them. */
export function csvCell(value: string): string {
  const text = plainText(value);
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

const number = (value: number | null | undefined): string =>
  typeof value === 'number' && Number.isFinite(value) ? String(value) : '';

/** Names and values of a line's columns: those of a smoothed line have the logged values first. */
function columnsOf({
  label,
  value,
  band,
  logged,
  mean,
}: ExportedLine): readonly (readonly [string, readonly (number | null)[]])[] {
  if (mean && band)
    return [
      [mean === 'smoothed' ? `${label} (mean of smoothed)` : `${label} (mean)`, value],
      [`${label} (mean − sd)`, band.min],
      [`${label} (mean + sd)`, band.max],
    ];
  return [
    [label, logged ?? value],
    ...(logged ? ([[`${label} (smoothed)`, value]] as const) : []),
    ...(band
      ? ([
          [`${label} (min)`, band.min],
          [`${label} (max)`, band.max],
        ] as const)
      : []),
  ];
}

/** The values in the visible range: a row for each step, and columns for each line. */
export function csvOf({ xLabel, lines, range }: ExportedChart): string {
  const columns = lines.flatMap((line) => {
    const at = new Map(line.step.map((each, i) => [each, i]));
    return columnsOf(line).map(([name, values]) => ({
      name,
      of: (wanted: number): string => number(values[at.get(wanted) ?? -1]),
    }));
  });
  const steps = [...new Set(lines.flatMap(({ step }) => step))]
    .filter((step) => step >= range.from && step <= range.to)
    .sort((a, b) => a - b);
  const rows = [
    [xLabel, ...columns.map(({ name }) => name)].map(csvCell),
    ...steps.map((step) => [String(step), ...columns.map(({ of }) => of(step))]),
  ];
  return `${rows.map((row) => row.join(',')).join('\r\n')}\r\n`;
}

const WIDTH = 900;
const LEGEND_ROW = 20;
/** Maximum width of a name beside its line in columns, and the estimated width of one. */
const LONGEST = 118;
const CHARACTER = 7;
const SAMPLE = 32;
const PLOT = { left: 70, right: WIDTH - 24, height: 340 };

interface LegendEntry {
  readonly line: ExportedLine;
  readonly left: number;
  readonly row: number;
}

/** Names beside samples of their lines, as many in a row as fit. */
function legendOf(lines: readonly ExportedLine[]): readonly LegendEntry[] {
  let [left, row] = [PLOT.left, 0];
  return lines.map((line) => {
    const width = SAMPLE + CHARACTER * widthOf(shorten(line.label, LONGEST)) + 18;
    if (left > PLOT.left && left + width > PLOT.right + 18) [left, row] = [PLOT.left, row + 1];
    const entry = { line, left, row };
    left += width;
    return entry;
  });
}

/**
 * The chart as a standalone SVG image with title, legend, axes and marks. Without style sheets, so that it looks the
 * same in every program.
 *
 * @param colorOf the value of a custom property of the page, such as `--ink`
 */
export function svgOf(chart: ExportedChart, colorOf: (property: string) => string): string {
  const { title, lines, range, frame, log, format, xLabel, xText } = chart;
  const legend = legendOf(lines);
  const top = 52 + LEGEND_ROW * ((legend.at(-1)?.row ?? -1) + 1);
  const bottom = top + PLOT.height;
  const height = bottom + 52;
  const scale = (v: number): number => (log ? Math.log10(v) : v);
  const [low, high] = [scale(frame.min), scale(frame.max)];
  const x = (step: number): number =>
    PLOT.left + ((PLOT.right - PLOT.left) * (step - range.from)) / (range.to - range.from || 1);
  const y = (v: number): number => bottom - (PLOT.height * (scale(v) - low)) / (high - low || 1);
  const text = (at: readonly [number, number], words: string, color: string, more = '') =>
    `<text x="${round(at[0])}" y="${round(at[1])}" fill="${colorOf(color)}" ${more}>${escapeXml(words)}</text>`;
  const line = (x1: number, y1: number, x2: number, y2: number, color: string, more = '') =>
    `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${color}" ${more}/>`;
  const parts: string[] = [
    `<rect width="${WIDTH}" height="${height}" fill="${colorOf('--paper')}"/>`,
    text([PLOT.left, 28], title, '--ink', 'font-size="17" font-weight="600"'),
  ];
  const marks = ticks(low, high, log ? Math.max(1, Math.min(6, high - low)) : 6);
  for (const mark of marks) {
    const value = log ? 10 ** mark : mark;
    parts.push(line(PLOT.left, y(value), PLOT.right, y(value), colorOf('--rule')));
    parts.push(text([PLOT.left - 8, y(value) + 4], format(value), '--ink-3', 'text-anchor="end"'));
  }
  const places = ticks(range.from, range.to, 8).map((at) => [at, xText(at)] as const);
  // Long texts have no place for all marks.
  const every = Math.ceil(Math.max(...places.map(([, words]) => words.length)) / 12);
  for (const [at, words] of places.filter((_, i) => i % every === 0))
    parts.push(text([x(at), bottom + 20], words, '--ink-3', 'text-anchor="middle"'));
  parts.push(text([(PLOT.left + PLOT.right) / 2, bottom + 42], xLabel, '--ink-3', 'text-anchor="middle"'));
  for (const { line: each, left, row: index } of legend) {
    const color = colorOf(each.color);
    const dash = each.dash ? `stroke-dasharray="${each.dash.join(' ')}"` : '';
    const row = 50 + LEGEND_ROW * index;
    parts.push(line(left, row - 4, left + 24, row - 4, color, `stroke-width="2" ${dash}`));
    parts.push(text([left + SAMPLE, row], shorten(each.label, LONGEST), '--ink-2'));
    let [d, pen] = ['', 'M'];
    each.value.forEach((v, at) => {
      const fits = typeof v === 'number' && Number.isFinite(v) && (!log || v > 0);
      if (fits) d += `${pen}${round(x(each.step[at]!))} ${round(y(v))}`;
      pen = fits ? 'L' : 'M';
    });
    if (d)
      parts.push(
        `<path clip-path="url(#plot)" fill="none" stroke="${color}" stroke-width="1.75" ${dash} d="${d}"/>`,
      );
    for (const at of isolated(each.value, 0, each.value.length - 1)) {
      const v = each.value[at]!;
      if (!log || v > 0)
        parts.push(
          `<circle clip-path="url(#plot)" cx="${round(x(each.step[at]!))}" cy="${round(y(v))}" r="3.5" fill="${color}"/>`,
        );
    }
    const found = outsideOf(each, frame);
    const inRange = ({ step }: { readonly step: number }) => step >= range.from && step <= range.to;
    const mark = (step: number, at: number, sign: string) =>
      text([x(step), at], sign, each.markColor ?? each.color, 'text-anchor="middle"');
    for (const { step } of found.above.filter(inRange)) parts.push(mark(step, top + 12, '▲'));
    for (const { step } of found.below.filter(inRange)) parts.push(mark(step, bottom - 2, '▼'));
    for (const step of found.gaps) if (inRange({ step })) parts.push(mark(step, bottom - 2, '×'));
  }
  const plot = `<clipPath id="plot"><rect x="${PLOT.left}" y="${top}" width="${PLOT.right - PLOT.left}" height="${PLOT.height}"/></clipPath>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="13">${plot}${parts.join('')}</svg>\n`;
}
