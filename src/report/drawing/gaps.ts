import type { Drawing } from './svg.js';

/** Images in a grid, with one pixel between them. */
export interface Grid {
  readonly count: number;
  readonly columns: number;
  /** Of each image, in pixels. */
  readonly width: number;
  readonly height: number;
}

/**
 * Covers what is between the images of a mosaic with the ground of the figure, and frames each image: neither a grey gap
 * between grey images nor the edge of a white one on a white page would be seen.
 *
 * @param at the mosaic's corner
 * @param zoom size of a pixel in the figure
 */
export function drawGaps(
  drawing: Drawing,
  [left, top]: readonly [number, number],
  { count, columns, width, height }: Grid,
  zoom: number,
): void {
  const rows = Math.ceil(count / columns);
  const [wide, high] = [(columns * (width + 1) - 1) * zoom, (rows * (height + 1) - 1) * zoom];
  for (let c = 1; c < columns; c++)
    drawing.rect('gap', [left + (c * (width + 1) - 1) * zoom, top], zoom, high);
  for (let r = 1; r < rows; r++) drawing.rect('gap', [left, top + (r * (height + 1) - 1) * zoom], wide, zoom);
  const last = count - (rows - 1) * columns;
  if (last < columns) {
    const [x, y] = [last * (width + 1) * zoom, (rows - 1) * (height + 1) * zoom];
    drawing.rect('gap', [left + x, top + y], wide - x, high - y);
  }
  for (let i = 0; i < count; i++) {
    const [x, y] = [(i % columns) * (width + 1) * zoom, Math.floor(i / columns) * (height + 1) * zoom];
    drawing.rect('cell', [left + x, top + y], width * zoom, height * zoom);
  }
}
