import uPlot from 'uplot';
import { significant } from '../lib/format.js';
import type { Range } from '../lib/range.js';

/** One line of a chart. Lines with the same `step` array are drawn without joining. */
export interface Line {
  readonly label: string;
  /** A custom property of the style sheet, such as `--run-1`. */
  readonly color: string;
  readonly step: readonly number[];
  readonly value: readonly (number | null)[];
  /** Extremes, drawn as a band behind the line. */
  readonly band?: { readonly min: readonly number[]; readonly max: readonly number[] };
  readonly dash?: readonly number[];
  readonly points?: boolean;
}

export interface PlotOptions {
  readonly width: number;
  readonly height: number;
  readonly lines: readonly Line[];
  readonly log: boolean;
  readonly range: Range;
  readonly format: (value: number) => string;
  /** A fixed vertical range, such as percents. */
  readonly vertical?: readonly [number, number];
  /** The vertical axis begins at nothing. */
  readonly zero?: boolean;
  readonly select: (range: Range) => void;
  readonly hover: (index: number | undefined, step: number | undefined) => void;
  readonly sync?: string;
}

export const css = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

type Column = readonly (number | null | undefined)[];

/** What uPlot draws: one column of steps, then for each line its extremes (where it has any) and its value. */
export function alignedData(lines: readonly Line[], log: boolean): uPlot.AlignedData {
  const positive = (column: Column): Column =>
    log ? column.map((v) => (typeof v === 'number' && v > 0 ? v : null)) : column;
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

/** Index of a line's value among the columns. */
export function columnOf(lines: readonly Line[], line: number): number {
  return (
    1 + lines.slice(0, line).reduce((n, each) => n + (each.band ? 3 : 1), 0) + (lines[line]?.band ? 2 : 0)
  );
}

export function makePlot(root: HTMLElement, options: PlotOptions): uPlot {
  const { lines, width, height, log, format } = options;
  const muted = css('--ink-3');
  const rule = css('--rule');
  const font = `12px ${css('--sans')}`;
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  for (const line of lines) {
    const stroke = css(line.color);
    if (line.band) {
      const at = series.length;
      const hidden = { stroke: 'transparent', points: { show: false }, spanGaps: true };
      series.push({ ...hidden }, { ...hidden });
      bands.push({ series: [at + 1, at], fill: `color-mix(in srgb, ${stroke} 16%, transparent)` });
    }
    series.push({
      label: line.label,
      stroke,
      width: 1.75,
      spanGaps: true,
      ...(line.dash ? { dash: [...line.dash] } : {}),
      points: line.points ? { show: true, size: 7, fill: stroke } : { show: false },
    });
  }
  // A chart that begins at nothing is a small one, and its legend lies in its upper part.
  const headroom = lines.length > 1 ? 1.45 : 1.08;
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
        y: false,
        ...(options.sync ? { sync: { key: options.sync, setSeries: false } } : {}),
      },
      scales: {
        x: { time: false, auto: false, range: (_u, from, to) => [from, to] },
        y: {
          distr: log ? 3 : 1,
          ...(options.zero
            ? { range: (_u, _min, max) => [0, (max || 1) * headroom] as [number, number] }
            : {}),
          ...(options.vertical ? { range: [...options.vertical] as [number, number] } : {}),
        },
      },
      axes: [
        { ...axis, space: 72, size: 30, gap: 6, values: (_u, ticks) => ticks.map((v) => stepText(v)) },
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
        setCursor: [
          (u) => {
            const index = u.cursor.idx ?? undefined;
            options.hover(index, index === undefined ? undefined : u.data[0][index]);
          },
        ],
      },
    },
    alignedData(lines, log),
    root,
  );
}

const isPowerOfTen = (v: number): boolean => Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9;

/** Over several decades only their ends have a line, or the grid would outweigh the curve. */
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
