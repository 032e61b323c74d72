import type { Kernel } from './kernel.js';

const crop: Kernel = ({ inputs: [x, offsets], specs: [spec], output, outputSpec }) => {
  const [n, c, h, w] = spec!.shape as [number, number, number, number];
  const [, , height, width] = outputSpec.shape as [number, number, number, number];
  for (let plane = 0; plane < n * c; plane++) {
    const image = Math.floor(plane / c);
    const top = offsets![2 * image]!;
    const left = offsets![2 * image + 1]!;
    const at = plane * height * width;
    const from = (plane * h + top) * w + left;
    // Rows [begin, stop) and columns [first, end) of the result are inside the image.
    const begin = Math.min(height, Math.max(0, -top));
    const stop = Math.max(begin, Math.min(height, h - top));
    const first = Math.min(width, Math.max(0, -left));
    const end = Math.max(first, Math.min(width, w - left));
    if (begin === stop || first === end) {
      output.fill(0, at, at + height * width);
      continue;
    }
    // Copied as whole ranges: a loop over elements takes several times as long.
    if (width === w) {
      const [low, high] = [begin * w + first, (stop - 1) * w + end];
      output.set(x!.subarray(from + low, from + high), at + low);
    } else
      for (let i = begin; i < stop; i++)
        output.set(x!.subarray(from + i * w + first, from + i * w + end), at + i * width + first);
    output.fill(0, at, at + begin * width);
    output.fill(0, at + stop * width, at + height * width);
    for (let i = begin; i < stop; i++) {
      const row = at + i * width;
      for (let j = 0; j < first; j++) output[row + j] = 0;
      for (let j = end; j < width; j++) output[row + j] = 0;
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
  for (let image = 0; image < n; image++) {
    if (flags![image] === 0) continue;
    for (let at = image * size; at < (image + 1) * size; at += w) output.subarray(at, at + w).reverse();
  }
};

export const image: Readonly<Record<string, Kernel>> = { crop, negateOffsets, flip };
