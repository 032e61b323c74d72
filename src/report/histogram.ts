import type { Language } from '../display/languages.js';
import { shorten } from '../display/svg-text.js';
import type { ActivationInsight } from '../run/events.js';
import { percent } from './curves.js';
import { Drawing } from './drawing/svg.js';
import { wordsOf } from './words.js';

const COLUMNS = 4;
const PANEL = { width: 208, height: 150 };
const PLOT = { width: 184, height: 74 };

const short = (n: number): string =>
  Math.abs(n) >= 1000 || Number.isInteger(n) ? n.toFixed(0) : n.toPrecision(2);

/** A small histogram for each activation layer with logarithmic height, and its share of dead units. */
export function histogramsSvg(
  layers: readonly ActivationInsight[],
  title: string,
  language: Language = 'en',
): string {
  const words = wordsOf(language);
  const rows = Math.ceil(layers.length / COLUMNS);
  const drawing = new Drawing(COLUMNS * PANEL.width + 16, 44 + rows * PANEL.height, title);
  drawing.text('h', [8, 26], title, { size: 15 });
  for (const [i, { name, kind, dead, active, histogram }] of layers.entries()) {
    const left = 8 + (i % COLUMNS) * PANEL.width;
    const top = 44 + Math.floor(i / COLUMNS) * PANEL.height;
    drawing.text('t', [left, top + 14], shorten(`${name} (${kind})`, 26), { size: 12 });
    drawing.text(
      'm',
      [left, top + 30],
      `${words.dead} ${percent(dead)} · ${words.active} ${percent(active)}`,
      {
        size: 11,
      },
    );
    const floor = top + 38 + PLOT.height;
    drawing.rect('empty', [left, top + 38], PLOT.width, PLOT.height);
    if (!histogram) continue;
    const { counts, min, max } = histogram;
    // Most outputs of a ReLU are 0, so on a linear scale no other bar would be visible.
    const highest = Math.log1p(counts.reduce((a, b) => Math.max(a, b), 1));
    for (const [bin, count] of counts.entries()) {
      const height = (PLOT.height * Math.log1p(count)) / highest;
      const width = PLOT.width / counts.length;
      drawing.rect('bar', [left + bin * width, floor - height], width - 1, height);
    }
    drawing.text('m', [left, floor + 14], short(min), { size: 11 });
    drawing.text('m', [left + PLOT.width, floor + 14], short(max), { anchor: 'end', size: 11 });
  }
  return drawing.toString();
}
