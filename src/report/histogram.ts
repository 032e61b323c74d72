import { shorten } from '../display/svg-text.js';
import { Drawing } from './drawing/svg.js';

const COLUMNS = 4;
const PANEL = { width: 208, height: 150 };
const PLOT = { width: 184, height: 74 };
/** From this size on numbers are written as 1e+6. */
const LARGE = 1e6;

const short = (n: number): string => {
  if (Math.abs(n) >= LARGE) return n.toExponential(1);
  return Math.abs(n) >= 1000 || Number.isInteger(n) ? n.toFixed(0) : n.toPrecision(2);
};

/** Numbers of values in bins of equal width between two ends. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly counts: readonly number[];
}

/** One distribution with its name. */
export interface HistogramPanel {
  readonly name: string;
  /** A second line, such as the share of dead units. */
  readonly note: string;
  readonly histogram?: Histogram | undefined;
}

/** A small histogram for each distribution, with logarithmic height. */
export function histogramsSvg(panels: readonly HistogramPanel[], title: string): string {
  const rows = Math.ceil(panels.length / COLUMNS);
  const drawing = new Drawing(COLUMNS * PANEL.width + 16, 44 + rows * PANEL.height, title);
  drawing.text('h', [8, 26], title, { size: 15 });
  for (const [i, { name, note, histogram }] of panels.entries()) {
    const left = 8 + (i % COLUMNS) * PANEL.width;
    const top = 44 + Math.floor(i / COLUMNS) * PANEL.height;
    drawing.text('t', [left, top + 14], shorten(name, 26), { size: 12 });
    drawing.text('m', [left, top + 30], note, { size: 11 });
    const floor = top + 38 + PLOT.height;
    drawing.rect('empty', [left, top + 38], PLOT.width, PLOT.height);
    if (!histogram) continue;
    const { counts, min, max } = histogram;
    // Most outputs of a ReLU are 0, so on a linear scale no other bar would be visible.
    const highest = Math.log1p(counts.reduce((a, b) => Math.max(a, b), 1));
    const width = PLOT.width / counts.length;
    // Gaps between many narrow bars would leave nothing of them.
    const gap = width > 3 ? 1 : 0;
    for (const [bin, count] of counts.entries()) {
      const height = (PLOT.height * Math.log1p(count)) / highest;
      drawing.rect('bar', [left + bin * width, floor - height], width - gap, height);
    }
    drawing.text('m', [left, floor + 14], short(min), { size: 11 });
    drawing.text('m', [left + PLOT.width, floor + 14], short(max), { anchor: 'end', size: 11 });
  }
  return drawing.toString();
}
