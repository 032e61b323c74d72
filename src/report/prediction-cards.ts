import { shorten } from '../display/svg-text.js';
import { type Pixels, pngUri } from './drawing/png.js';
import { Drawing } from './drawing/svg.js';

export interface Guessed {
  readonly image: Pixels;
  readonly label: string;
  /** The most probable classes, in descending order. */
  readonly top: readonly { readonly label: string; readonly probability: number }[];
}

const COLUMNS = 4;
const CARD = { width: 208, height: 262, image: 112 };

/**
 * Test images with their true class and the most probable classes. The bar of the correct class has another colour.
 */
export function top5Svg(images: readonly Guessed[], title: string): string {
  const rows = Math.ceil(images.length / COLUMNS);
  const drawing = new Drawing(COLUMNS * CARD.width + 16, rows * CARD.height + 48, title);
  drawing.text('h', [8, 26], title, { size: 15 });
  for (const [i, { image, label, top }] of images.entries()) {
    const left = 8 + (i % COLUMNS) * CARD.width;
    const y = 48 + Math.floor(i / COLUMNS) * CARD.height;
    const middle = left + CARD.width / 2;
    const width = (CARD.image * image.width) / Math.max(image.width, image.height);
    const height = (CARD.image * image.height) / Math.max(image.width, image.height);
    drawing.image([middle - width / 2, y], width, height, pngUri(image), label);
    drawing.text('t', [middle, y + CARD.image + 17], shorten(label, 24), { anchor: 'middle' });
    for (const [k, { label: guess, probability }] of top.entries()) {
      const line = y + CARD.image + 26 + 20 * k;
      drawing.rect('empty', [left + 12, line], CARD.width - 24, 17);
      const right = guess === label;
      drawing.rect(right ? 'good' : 'bar', [left + 12, line], (CARD.width - 24) * probability, 17, 0.35);
      drawing.text('t', [left + 18, line + 13], shorten(guess, 20), { size: 12 });
      drawing.text('m', [left + CARD.width - 16, line + 13], `${Math.round(100 * probability)} %`, {
        anchor: 'end',
        size: 11,
      });
    }
  }
  return drawing.toString();
}
