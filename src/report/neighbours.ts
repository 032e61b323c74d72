import type { Language } from '../display/languages.js';
import { shorten } from '../display/svg-text.js';
import { type Pixels, pngUri } from './drawing/png.js';
import { Drawing } from './drawing/svg.js';
import { wordsOf } from './words.js';

export interface Neighbour {
  readonly image: Pixels;
  readonly label: string;
  /** Euclidean distance between feature vectors. */
  readonly distance: number;
}

export interface NeighbourRow {
  readonly image: Pixels;
  readonly label: string;
  /** In ascending order of distance. */
  readonly nearest: readonly Neighbour[];
}

const SIDE = 96;
const STEP = { x: SIDE + 16, y: SIDE + 42 };
/** Pixels between an image and its neighbours. */
const GAP = 28;

/**
 * Test images in the first column, followed by their nearest neighbours by the features of the last hidden layer.
 */
export function neighboursSvg(
  rows: readonly NeighbourRow[],
  title: string,
  language: Language = 'en',
): string {
  const words = wordsOf(language);
  const most = rows.reduce((n, { nearest }) => Math.max(n, nearest.length), 0);
  const width = Math.max(420, 16 + STEP.x * (1 + most) + GAP);
  const drawing = new Drawing(width, 70 + rows.length * STEP.y, title);
  drawing.text('h', [8, 26], title, { size: 15 });
  drawing.text('m', [8, 52], words.query, { size: 12 });
  drawing.text('m', [8 + STEP.x + GAP, 52], words.nearest, { size: 12 });
  for (const [r, { image, label, nearest }] of rows.entries()) {
    const y = 62 + r * STEP.y;
    drawing.image([8, y], SIDE, SIDE, pngUri(image), label);
    drawing.text('t', [8 + SIDE / 2, y + SIDE + 15], shorten(label, 14), { anchor: 'middle', size: 12 });
    for (const [n, other] of nearest.entries()) {
      const x = 8 + STEP.x * (n + 1) + GAP;
      drawing.image([x, y], SIDE, SIDE, pngUri(other.image), other.label);
      drawing.text(
        other.label === label ? 'good' : 'm',
        [x + SIDE / 2, y + SIDE + 15],
        shorten(other.label, 14),
        {
          anchor: 'middle',
          size: 12,
        },
      );
      drawing.text('m', [x + SIDE / 2, y + SIDE + 29], other.distance.toPrecision(3), {
        anchor: 'middle',
        size: 11,
      });
    }
  }
  return drawing.toString();
}
