import { shorten } from '../../display/svg-text.js';
import { type Ratio, ratioText } from '../../papers/claims/ratio.js';
import { Drawing } from './svg.js';

export interface RatioRow extends Ratio {
  readonly label: string;
}

export interface RatiosOptions {
  readonly title: string;
  /** A line below the title, such as what is divided by what. */
  readonly subtitle: string;
  /** What values below and above 1 say. */
  readonly sides: readonly [below: string, above: string];
  /** A value marked by a vertical line, with its name. */
  readonly mark: { readonly value: number; readonly label: string };
  readonly rows: readonly RatioRow[];
}

/** Narrow, so that its text can be read on a phone too. */
const WIDTH = 560;
const AREA = { left: 176, right: WIDTH - 24, top: 92 };
const ROW = 24;
const BAR = 12;
/** Columns of the title and of a row's name. */
const COLUMNS = { title: 72, label: 22 };
const TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];

/**
 * Ratios as horizontal bars from 1 on a logarithmic axis, each with its name and number: the same factor is as long to
 * the left as to the right. A bound ends in a point.
 */
export function ratiosSvg({ title, subtitle, sides, mark, rows }: RatiosOptions): string {
  const bottom = AREA.top + ROW * rows.length + 6;
  const drawing = new Drawing(
    WIDTH,
    bottom + 52,
    `${title}. ${rows.map((row) => `${row.label} ${ratioText(row)}`).join(', ')}`,
  );
  const values = [1, mark.value, ...rows.map(({ value }) => value)].filter((value) => value > 0);
  // Room for the numbers beside the longest bars.
  const [low, high] = [Math.min(0.5, ...values) / 2, Math.max(2, ...values) * 1.6];
  const x = (value: number): number =>
    AREA.left +
    ((AREA.right - AREA.left) * Math.log(Math.min(high, Math.max(low, value)) / low)) / Math.log(high / low);
  drawing.text('h', [12, 26], shorten(title, COLUMNS.title), { size: 16 });
  drawing.text('m', [12, 48], subtitle, { size: 14 });
  drawing.text('m', [x(1) - 10, AREA.top - 14], `← ${sides[0]}`, { anchor: 'end' });
  drawing.text('m', [x(1) + 10, AREA.top - 14], `${sides[1]} →`);
  for (const tick of TICKS.filter((value) => value > low && value < high)) {
    drawing.line(tick === 1 ? 'box' : 'g', [x(tick), AREA.top - 4], [x(tick), bottom]);
    drawing.text('m', [x(tick), bottom + 18], String(tick), { anchor: 'middle' });
  }
  drawing.line('chance', [x(mark.value), AREA.top - 4], [x(mark.value), bottom]);
  drawing.text('chance-t', [Math.min(AREA.right, x(mark.value) + 36), bottom + 40], mark.label, {
    anchor: 'end',
  });
  for (const [i, row] of rows.entries()) {
    const middle = AREA.top + ROW * i + ROW / 2;
    drawing.text('t', [AREA.left - 10, middle + 5], shorten(row.label, COLUMNS.label), {
      anchor: 'end',
      size: 14,
    });
    if (!(row.value > 0)) {
      drawing.text('m', [x(1) + 8, middle + 5], '—', { size: 14 });
      continue;
    }
    const [from, to] = [x(1), x(row.value)];
    const [left, right] = [Math.min(from, to), Math.max(from, to)];
    drawing.rect('bar', [left, middle - BAR / 2], Math.max(1, right - left), BAR);
    const side = row.value < 1 ? -1 : 1;
    if (row.bound)
      drawing.polygon('bar', [
        [to, middle - BAR],
        [to + side * BAR, middle],
        [to, middle + BAR],
      ]);
    drawing.text('t halo', [to + side * (row.bound ? BAR + 6 : 6), middle + 5], ratioText(row), {
      anchor: side < 0 ? 'end' : 'start',
      size: 14,
    });
  }
  return drawing.toString();
}
