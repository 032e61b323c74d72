import { ShapeError } from '../../../errors/errors.js';
import { blank, type HostImage } from './image.js';

/** Weights of a Gaussian at whole distances from the middle, with sum 1. */
function gaussian(size: number, sigma: number): Float64Array {
  const half = (size - 1) / 2;
  const weights = Float64Array.from({ length: size }, (_, i) => Math.exp(-0.5 * ((i - half) / sigma) ** 2));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / total);
}

/** Position in an image that is mirrored at its borders, without repeating them. */
const mirrored = (at: number, size: number): number => (at < 0 ? -at : at >= size ? 2 * size - 2 - at : at);

/** @param size odd numbers of pixels, horizontal and vertical @param sigma in pixels, in both directions */
export function gaussianBlurred(
  image: HostImage,
  [wide, high]: readonly [number, number],
  [sigmaX, sigmaY]: readonly [number, number],
): HostImage {
  const { data, channels, height, width } = image;
  if ((wide - 1) / 2 >= width || (high - 1) / 2 >= height)
    throw new ShapeError({
      what: 'gaussianBlur got images smaller than its kernel',
      expected: `more than ${(high - 1) / 2} × ${(wide - 1) / 2} pixels`,
      got: `${height} × ${width}`,
    });
  const [across, down] = [gaussian(wide, sigmaX), gaussian(high, sigmaY)];
  const out = blank(image, data.length);
  const middle = new Float64Array(height * width);
  const bytes = data instanceof Uint8Array;
  for (let c = 0; c < channels; c++) {
    const plane = c * height * width;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < wide; k++)
          sum += across[k]! * data[plane + y * width + mirrored(x + k - (wide - 1) / 2, width)]!;
        middle[y * width + x] = sum;
      }
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < high; k++)
          sum += down[k]! * middle[mirrored(y + k - (high - 1) / 2, height) * width + x]!;
        out[plane + y * width + x] = bytes ? Math.round(sum) : sum;
      }
  }
  return { ...image, data: out };
}
