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
      // Whole rows at a time: a loop over single bytes takes several times as long.
      output.set(x!.subarray(from + first, from + end), at + first);
      if (first > 0) output.fill(0, at, at + first);
      if (end < width) output.fill(0, at + end, at + width);
    }
  }
};

const negateOffsets: Kernel = ({ inputs: [x], output }) => {
  for (let i = 0; i < output.length; i++) output[i] = -x![i]!;
};

const flip: Kernel = ({ inputs: [x, flags], specs: [spec], output }) => {
  const [n, c, h, w] = spec!.shape as [number, number, number, number];
  const size = c * h * w;
  output.set(x!);
  for (let picture = 0; picture < n; picture++) {
    if (flags![picture] === 0) continue;
    for (let at = picture * size; at < (picture + 1) * size; at += w) output.subarray(at, at + w).reverse();
  }
};

export const image: Readonly<Record<string, Kernel>> = { crop, negateOffsets, flip };
