import type { SampleImage } from '../run/events.js';
import { drawGaps } from './drawing/gaps.js';
import { type Compress, type Pixels, pngUri } from './drawing/png.js';
import { Drawing } from './drawing/svg.js';

/** Widest mosaic on a page, in pixels. */
const WIDTH = 844;
const GREY = 128;

/** One set of images: [count, 1 or 3, height, width], bytes. */
export type SampleSet = SampleImage['sets'] extends ReadonlyMap<string, infer S> ? S : never;

/** Images as one, separated by one grey pixel, in a grid that is about square. */
export function samplePixels({ shape, data }: SampleSet): Pixels {
  const [count, channels, high, wide] = shape as readonly [number, number, number, number];
  const columns = Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / columns);
  const [width, height] = [columns * (wide + 1) - 1, rows * (high + 1) - 1];
  const rgb = new Uint8Array(3 * width * height).fill(GREY);
  const plane = wide * high;
  for (let k = 0; k < count; k++) {
    const [left, top] = [(k % columns) * (wide + 1), Math.floor(k / columns) * (high + 1)];
    for (let i = 0; i < plane; i++) {
      const at = 3 * ((top + Math.floor(i / wide)) * width + left + (i % wide));
      for (let c = 0; c < 3; c++) rgb[at + c] = data[(k * channels + (channels === 3 ? c : 0)) * plane + i]!;
    }
  }
  return { width, height, rgb };
}

/** Images from a generative model. */
export function samplesSvg(set: SampleSet, title: string, compress?: Compress): string {
  const pixels = samplePixels(set);
  const zoom = Math.max(1, Math.min(20, Math.floor(WIDTH / 2 / pixels.width)));
  const [width, height] = [pixels.width * zoom, pixels.height * zoom];
  const drawing = new Drawing(Math.max(width + 16, 360), height + 52, title);
  drawing.text('h', [8, 26], title, { size: 15 });
  drawing.image([8, 42], width, height, pngUri(pixels, compress), title);
  const [count, , high, wide] = set.shape as readonly [number, number, number, number];
  drawGaps(
    drawing,
    [8, 42],
    { count, columns: Math.ceil(Math.sqrt(count)), width: wide, height: high },
    zoom,
  );
  return drawing.toString();
}
