import type { Dataset, nn } from 'paperweight/core';
import type { Guesses, Kernels } from './protocol.js';

/** Planes of red, green and blue to RGBA pixels. */
function interleave(
  planes: ArrayLike<number>,
  at: number,
  area: number,
  into: Uint8ClampedArray,
  to: number,
): void {
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) into[to + 4 * i + c] = planes[at + c * area + i]!;
    into[to + 4 * i + 3] = 255;
  }
}

/** Images of a data set as pixels, with the names of their classes. */
export function imagesOf(
  set: Dataset,
  indices: readonly number[],
): Pick<Guesses, 'size' | 'pixels' | 'labels'> {
  const [channels, height, width] = set.imageShape;
  const area = height * width;
  const bytes = new Uint8Array(channels * area);
  const pixels = new Uint8ClampedArray(4 * area * indices.length);
  const labels = indices.map((index, k) => {
    const label = set.read(index, bytes, 0);
    interleave(bytes, 0, area, pixels, 4 * area * k);
    return set.classes[label]!;
  });
  return { size: width, pixels, labels };
}

/** Kernels [K, 3, S, S] of the first convolution; each is scaled to the full range. */
export async function kernelsOf(model: nn.Module<unknown>): Promise<Kernels> {
  const [, weight] = model.namedParameters().find(([, { shape }]) => shape.length === 4 && shape[1] === 3)!;
  const [count, , size] = weight.shape as [number, number, number, number];
  const values = await weight.data();
  const each = 3 * size * size;
  const pixels = new Uint8ClampedArray(4 * size * size * count);
  for (let k = 0; k < count; k++) {
    const kernel = values.subarray(k * each, (k + 1) * each) as Float32Array;
    const low = kernel.reduce((a, b) => Math.min(a, b));
    const range = kernel.reduce((a, b) => Math.max(a, b)) - low || 1;
    interleave(
      kernel.map((v) => (255 * (v - low)) / range),
      0,
      size * size,
      pixels,
      4 * size * size * k,
    );
  }
  return { size, pixels };
}
