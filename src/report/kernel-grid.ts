import type { KernelImage } from '../run/events.js';
import { drawGaps } from './drawing/gaps.js';
import { type Pixels, pngUri } from './drawing/png.js';
import { Drawing } from './drawing/svg.js';

/** Kernels in a row. */
const PER_ROW = 16;
const GREY = 128;

/**
 * Kernels as one image, separated by one grey pixel. Each is scaled to its own extremes around grey, so that weak
 * kernels are visible; magnitudes cannot be compared between kernels.
 */
export function kernelPixels({ count, side, data }: Omit<KernelImage, 'step'>): Pixels {
  const columns = Math.min(PER_ROW, count);
  const rows = Math.ceil(count / columns);
  const [width, height] = [columns * (side + 1) - 1, rows * (side + 1) - 1];
  const rgb = new Uint8Array(3 * width * height).fill(GREY);
  const plane = side * side;
  for (let k = 0; k < count; k++) {
    const kernel = data.subarray(3 * plane * k, 3 * plane * (k + 1));
    let extreme = 0;
    for (const value of kernel) if (Math.abs(value) > extreme) extreme = Math.abs(value);
    const scale = extreme > 0 && Number.isFinite(extreme) ? (GREY - 1) / extreme : 0;
    const [left, top] = [(k % columns) * (side + 1), Math.floor(k / columns) * (side + 1)];
    for (let i = 0; i < plane; i++) {
      const at = 3 * ((top + Math.floor(i / side)) * width + left + (i % side));
      for (let c = 0; c < 3; c++) rgb[at + c] = Math.round(GREY + scale * kernel[c * plane + i]!);
    }
  }
  return { width, height, rgb };
}

/** The first layer's kernels as an image with a title. */
export function kernelsSvg(kernels: KernelImage, title: string): string {
  const pixels = kernelPixels(kernels);
  const zoom = Math.max(1, Math.min(40, Math.floor(844 / pixels.width)));
  const [width, height] = [pixels.width * zoom, pixels.height * zoom];
  const drawing = new Drawing(Math.max(width + 16, 360), height + 52, title);
  drawing.text('h', [8, 26], title, { size: 15 });
  drawing.image([8, 42], width, height, pngUri(pixels), title);
  const { count, side } = kernels;
  drawGaps(drawing, [8, 42], { count, columns: Math.min(PER_ROW, count), width: side, height: side }, zoom);
  return drawing.toString();
}
