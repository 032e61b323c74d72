import uPlot from 'uplot';
import type { Language } from '../../../display/languages.js';
import { type Limits, robustLimits, wholeLimits } from '../../../display/robust-limits.js';
import { type AxisKind, marksOf, markText } from '../../lib/curves/axis.js';
import { isolated } from '../../lib/curves/isolated.js';
import { significant } from '../../lib/format.js';
import type { Range } from '../../lib/range.js';
import { css } from '../css.js';
import type { Line } from './line.js';
import { drawMarks } from './marks.js';

export interface PlotOptions {
  readonly width: number;
  readonly height: number;
  readonly lines: readonly Line[];
  readonly axis: AxisKind;
  readonly language: Language;
  readonly log: boolean;
  readonly range: Range;
  readonly format: (value: number) => string;
  /** A fixed vertical range, such as 0 to 100 percent. */
  readonly vertical?: readonly [number, number];
  /** The vertical axis starts at 0. */
  readonly zero?: boolean;
  /** Whether outliers are clipped and marked. */
  readonly clip: boolean;
  readonly select: (range: Range) => void;
  /** Called with the step under the cursor. */
  readonly hover: (step: number | undefined, plot: uPlot) => void;
  /** Called with the drawn vertical limits. */
  readonly framed: (limits: Limits) => void;
  readonly sync?: string;
}

type Column = readonly (number | null | undefined)[];

/** Data in uPlot's form: one column of steps, then for each line its extremes (if any) and its values. */
export function alignedData(lines: readonly Line[], log: boolean): uPlot.AlignedData {
  // Null is a gap; undefined means that the line has no point at this step of another line.
  const positive = (column: Column): Column =>
    column.map((v) => (typeof v === 'number' && Number.isFinite(v) && (!log || v > 0) ? v : null));
  const columns = (line: Line): Column[] => [
    ...(line.band ? [positive(line.band.min), positive(line.band.max)] : []),
    positive(line.value),
  ];
  const first = lines[0];
  if (!first) return [[]];
  if (lines.every((line) => line.step === first.step))
    return [first.step, ...lines.flatMap(columns)] as unknown as uPlot.AlignedData;
  return uPlot.join(lines.map((line) => [line.step, ...columns(line)] as unknown as uPlot.AlignedData));
}

/** The nearest index at which a line has a value: lines with other steps may have none at the cursor. */
function nearestValue(column: Column, at: number): number {
  for (let far = 0; far < column.length; far++) {
    if (typeof column[at - far] === 'number') return at - far;
    if (typeof column[at + far] === 'number') return at + far;
  }
  return at;
}

/** The vertical limits of the values between two indices. */
function limitsOf(u: uPlot, { log, clip }: Pick<PlotOptions, 'log' | 'clip'>): Limits | undefined {
  const [first, last] = u.series[0]!.idxs ?? [0, u.data[0].length - 1];
  const columns = u.data.slice(1).map((column) => (column as Column).slice(first, last + 1));
  return clip ? robustLimits(columns, log) : wholeLimits(columns);
}

export function makePlot(root: HTMLElement, options: PlotOptions): uPlot {
  const { lines, width, height, log, format } = options;
  const muted = css('--ink-3');
  const rule = css('--rule');
  const incrs = marksOf(options.axis);
  const font = `12px ${css('--sans')}`;
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  for (const line of lines) {
    const stroke = css(line.color);
    if (line.band) {
      const at = series.length;
      const hidden = { stroke: 'transparent', points: { show: false } };
      series.push({ ...hidden }, { ...hidden });
      bands.push({ series: [at + 1, at], fill: `color-mix(in srgb, ${stroke} 16%, transparent)` });
    }
    series.push({
      label: line.label,
      stroke,
      width: line.faint ? 1 : 1.75,
      alpha: line.faint ? 0.45 : 1,
      ...(line.dash ? { dash: [...line.dash] } : {}),
      points:
        line.points && !line.faint
          ? { show: true, size: 7, fill: stroke }
          : { show: false, size: 7, fill: stroke, filter: dots },
    });
  }
  const axis = {
    stroke: muted,
    font,
    grid: { stroke: rule, width: 1 },
    ticks: { show: false },
  };
  return new uPlot(
    {
      width,
      height,
      series,
      bands,
      legend: { show: false },
      padding: [8, 14, 0, 0],
      cursor: {
        drag: { x: true, y: false, setScale: false, dist: 4 },
        points: { size: 7, width: 2 },
        dataIdx: (u, series, at) => nearestValue(u.data[series] as Column, at),
        y: false,
        ...(options.sync ? { sync: { key: options.sync, setSeries: false } } : {}),
      },
      scales: {
        x: { time: false, auto: false, range: (_u, from, to) => [from, to] },
        y: {
          distr: log ? 3 : 1,
          range: options.vertical ? [...options.vertical] : (u) => frameOf(limitsOf(u, options), options),
        },
      },
      axes: [
        {
          ...axis,
          space: options.axis === 'step' ? 72 : 90,
          size: 30,
          gap: 6,
          ...(incrs ? { incrs } : {}),
          values: (_u, ticks, _axis, _space, distance) =>
            ticks.map((v) =>
              options.axis === 'step' ? stepText(v) : markText(options.axis, v, distance, options.language),
            ),
        },
        {
          ...axis,
          grid: { ...axis.grid, filter: (_u, splits) => gridOf(splits, log) },
          size: 50,
          gap: 8,
          space: 34,
          values: (_u, ticks) => ticks.map((v) => (v === null ? '' : format(v))),
        },
      ],
      hooks: {
        setSelect: [
          (u) => {
            if (u.select.width < 4) return;
            const from = u.posToVal(u.select.left, 'x');
            const to = u.posToVal(u.select.left + u.select.width, 'x');
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            options.select({ from, to });
          },
        ],
        draw: [
          (u) => {
            drawMarks(u, lines);
            options.framed({ min: u.scales.y?.min ?? 0, max: u.scales.y?.max ?? 0 });
          },
        ],
        setCursor: [
          (u) => {
            const index = u.cursor.idx ?? undefined;
            options.hover(index === undefined ? undefined : u.data[0][index], u);
          },
        ],
      },
    },
    alignedData(lines, log),
    root,
  );
}

/** Of a line without points only those that no line leads to. */
const dots: uPlot.Series.Points.Filter = (u, series) => {
  const [from, to] = u.series[0]!.idxs ?? [0, u.data[0].length - 1];
  const found = isolated(u.data[series] as Column, from, to);
  return found.length > 0 ? found : null;
};

/** Limits with a margin. */
function frameOf(limits: Limits | undefined, { log, zero }: PlotOptions): [number, number] {
  if (!limits) return log ? [0.1, 1] : [0, 1];
  const { min, max } = limits;
  if (zero) return [0, (max > 0 ? max : 1) * 1.08];
  const [low, high] = log ? uPlot.rangeLog(min, max, 10, false) : uPlot.rangeNum(min, max, 0.1, true);
  return [low!, high!];
}

const isPowerOfTen = (v: number): boolean => Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9;

/** Over several decades only powers of ten have grid lines; more would be too dense. */
function gridOf(splits: (number | null)[], log: boolean): (number | null)[] {
  const values = splits.filter((v) => v !== null);
  if (!log || (values.at(-1) ?? 1) / (values[0] ?? 1) < 100) return splits;
  return splits.map((v) => (v !== null && isPowerOfTen(v) ? v : null));
}

const stepText = (step: number): string =>
  Number.isInteger(step) ? (step >= 10_000 ? thousands(step) : String(step)) : '';

function thousands(step: number): string {
  if (step >= 1e6) return `${significant(step / 1e6, 4)}M`;
  return `${significant(step / 1e3, 4)}k`;
}
