import type { Language } from '../display/languages.js';
import { shorten } from '../display/svg-text.js';
import { Drawing } from './drawing/svg.js';
import { wordsOf } from './words.js';

export interface ConfusionData {
  readonly title: string;
  readonly classes: readonly string[];
  /** `counts[t][p]`: number of images of class `t` predicted as class `p`. */
  readonly counts: readonly (readonly number[])[];
  readonly language?: Language;
}

/** Side of the whole matrix in pixels. */
const SIDE = 520;
/** With more classes than this, numbers and names would be unreadable. */
const NUMBERS = 20;
const NAMES = 40;
/** Share of its row from which a cell is so dark that its number is drawn in the colour of the ground. */
const DARK_CELL = 0.66;
const LEFT = 132;
const TOP = 132;

/** A confusion matrix with a row for each true class; darker cells hold a larger share of their row. */
export function confusionSvg({ title, classes, counts, language = 'en' }: ConfusionData): string {
  const words = wordsOf(language);
  const drawing = new Drawing(LEFT + SIDE + 16, TOP + SIDE + 16, title);
  const cell = SIDE / Math.max(1, classes.length);
  drawing.text('h', [8, 26], title, { size: 15 });
  drawing.text('m', [LEFT + SIDE / 2, 52], words.predicted, { anchor: 'middle', size: 12 });
  drawing.text('m', [16, TOP + SIDE / 2], words.trueClass, { anchor: 'middle', size: 12, turn: -90 });
  for (const [t, row] of counts.entries()) {
    const total = row.reduce((a, b) => a + b, 0);
    for (const [p, count] of row.entries()) {
      const at = [LEFT + p * cell, TOP + t * cell] as const;
      const share = total > 0 ? count / total : 0;
      if (classes.length <= NAMES) drawing.rect('empty', at, cell - 1, cell - 1);
      if (share > 0)
        drawing.rect('heat', at, cell - (cell > 6 ? 1 : 0), cell - (cell > 6 ? 1 : 0), 0.08 + 0.92 * share);
      if (classes.length <= NUMBERS && count > 0)
        drawing.text(
          share > DARK_CELL ? 'on' : 't',
          [at[0] + cell / 2, at[1] + cell / 2 + 4],
          String(count),
          {
            anchor: 'middle',
            size: Math.min(13, cell / 2.4),
          },
        );
    }
  }
  drawing.rect('frame', [LEFT, TOP], SIDE, SIDE);
  if (classes.length <= NAMES)
    for (const [i, name] of classes.entries()) {
      const middle = (i + 0.5) * cell;
      const size = Math.min(12, cell * 0.8);
      drawing.text('m', [LEFT - 6, TOP + middle + size / 3], shorten(name, 15), { anchor: 'end', size });
      drawing.text('m', [LEFT + middle + size / 3, TOP - 8], shorten(name, 11), { size, turn: -55 });
    }
  return drawing.toString();
}
