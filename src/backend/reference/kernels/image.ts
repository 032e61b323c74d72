import type { Kernel } from './kernel.js';

const crop: Kernel = ({ inputs: [x, offsets], specs: [spec], output, outputSpec }) => {
  const [n, c, h, w] = spec!.shape as [number, number, number, number];
  const [, , height, width] = outputSpec.shape as [number, number, number, number];
  for (let plane = 0, at = 0; plane < n * c; plane++) {
    const picture = Math.floor(plane / c);
    const top = offsets![2 * picture]!;
    const left = offsets![2 * picture + 1]!;
    // Columns [first, end) of the result lie inside of the picture.
    const first = Math.min(width, Math.max(0, -left));
    const end = Math.max(first, Math.min(width, w - left));
    for (let i = 0; i < height; i++, at += width) {
      const row = top + i;
      if (row < 0 || row >= h) {
        output.fill(0, at, at + width);
        continue;
      }
      const from = (plane * h + row) * w + left;
      for (let j = 0; j < first; j++) output[at + j] = 0;
      for (let j = first; j < end; j++) output[at + j] = x![from + j]!;
      for (let j = end; j < width; j++) output[at + j] = 0;
    }
  }
};

const negateOffsets: Kernel = ({ inputs: [x], output }) => {
  for (let i = 0; i < output.length; i++) output[i] = -x![i]!;
};

const flip: Kernel = ({ inputs: [x, flags], specs: [spec], output }) => {
  const [n, c, h, w] = spec!.shape as [number, number, number, number];
  for (let row = 0; row < n * c * h; row++) {
    const at = row * w;
    if (flags![Math.floor(row / (c * h))] === 0) for (let j = 0; j < w; j++) output[at + j] = x![at + j]!;
    else for (let j = 0; j < w; j++) output[at + j] = x![at + w - 1 - j]!;
  }
};

export const image: Readonly<Record<string, Kernel>> = { crop, negateOffsets, flip };
