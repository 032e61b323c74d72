import { UsageError } from '../../../errors/errors.js';
import { blank, boundOf, type HostImage } from './image.js';

/* torchvision's functional transforms of colours, on bytes and on floats. Bytes are truncated, as there. */

const stored = (image: HostImage, value: number): number => {
  const bound = boundOf(image);
  const limited = value < 0 ? 0 : value > bound ? bound : value;
  return bound === 255 ? Math.trunc(limited) : limited;
};

/** @param other the value to blend with, by position in the image */
function blended(image: HostImage, factor: number, other: (i: number) => number): HostImage {
  const data = blank(image, image.data.length);
  for (let i = 0; i < data.length; i++)
    data[i] = stored(image, factor * image.data[i]! + (1 - factor) * other(i));
  return { ...image, data };
}

/** Luma of each pixel; truncated to an integer for images of bytes. */
function luma(image: HostImage): Float64Array {
  const { data, channels, height, width } = image;
  const plane = height * width;
  if (channels === 1) return Float64Array.from(data);
  const bytes = data instanceof Uint8Array;
  return Float64Array.from({ length: plane }, (_, i) => {
    const value = 0.2989 * data[i]! + 0.587 * data[plane + i]! + 0.114 * data[2 * plane + i]!;
    return bytes ? Math.floor(value) : value;
  });
}

/** @throws UsageError unless the image is grey or RGB */
export function checkColours(owner: string, { channels }: HostImage): void {
  if (channels === 1 || channels === 3) return;
  throw new UsageError({
    what: `${owner} works on colours`,
    expected: 'images of 1 or 3 channels',
    got: `${channels} channels`,
  });
}

export function toGrey(image: HostImage, channels: 1 | 3): HostImage {
  const grey = luma(image);
  const data = blank(image, channels * grey.length);
  for (let c = 0; c < channels; c++) data.set(grey, c * grey.length);
  return { ...image, data, channels };
}

export const adjustBrightness = (image: HostImage, factor: number): HostImage =>
  blended(image, factor, () => 0);

export function adjustContrast(image: HostImage, factor: number): HostImage {
  const grey = luma(image);
  const mean = grey.reduce((a, b) => a + b, 0) / grey.length;
  return blended(image, factor, () => mean);
}

export function adjustSaturation(image: HostImage, factor: number): HostImage {
  if (image.channels === 1) return image;
  const grey = luma(image);
  return blended(image, factor, (i) => grey[i % grey.length]!);
}

/** @param shift of the hue in turns, from -0.5 to 0.5 */
export function adjustHue(image: HostImage, shift: number): HostImage {
  if (image.channels === 1) return image;
  const { data } = image;
  const bytes = data instanceof Uint8Array;
  const plane = data.length / 3;
  const out = blank(image, data.length);
  const scale = bytes ? 1 / 255 : 1;
  for (let i = 0; i < plane; i++) {
    const [r, g, b] = [data[i]! * scale, data[plane + i]! * scale, data[2 * plane + i]! * scale];
    // The largest float maps to 255, and each byte gets an equal share of [0, 1].
    for (const [c, value] of shiftedHue(r, g, b, shift).entries())
      out[c * plane + i] = bytes ? Math.trunc(value * (255 + 1 - 1e-3)) : value;
  }
  return { ...image, data: out };
}

function shiftedHue(r: number, g: number, b: number, shift: number): [number, number, number] {
  const max = Math.max(r, g, b);
  const range = max - Math.min(r, g, b);
  const s = range === 0 ? 0 : range / max;
  const by = range === 0 ? 1 : range;
  const [rc, gc, bc] = [(max - r) / by, (max - g) / by, (max - b) / by];
  const sector = max === r ? bc - gc : max === g ? 2 + rc - bc : 4 + gc - rc;
  const before = (sector / 6 + 1) % 1;
  const h = (((before + shift) % 1) + 1) % 1;
  const i = Math.floor(h * 6);
  const f = h * 6 - i;
  const limit = (value: number): number => Math.min(1, Math.max(0, value));
  const [p, q, t] = [limit(max * (1 - s)), limit(max * (1 - s * f)), limit(max * (1 - s * (1 - f)))];
  const v = max;
  switch (i % 6) {
    case 0:
      return [v, t, p];
    case 1:
      return [q, v, p];
    case 2:
      return [p, v, t];
    case 3:
      return [p, q, v];
    case 4:
      return [t, p, v];
    default:
      return [v, p, q];
  }
}

export function adjustSharpness(image: HostImage, factor: number): HostImage {
  const { data, channels, height, width } = image;
  if (height <= 2 || width <= 2) return image;
  const blurred = Float64Array.from(data);
  const bytes = data instanceof Uint8Array;
  for (let c = 0; c < channels; c++)
    for (let y = 1; y < height - 1; y++)
      for (let x = 1; x < width - 1; x++) {
        const at = (c * height + y) * width + x;
        let sum = 4 * data[at]!;
        for (let dy = -1; dy <= 1; dy++) for (let dx = -1; dx <= 1; dx++) sum += data[at + dy * width + dx]!;
        blurred[at] = bytes ? Math.round(sum / 13) : sum / 13;
      }
  return blended(image, factor, (i) => blurred[i]!);
}

/** Keeps the highest bits of bytes. */
export function posterize(image: HostImage, bits: number): HostImage {
  const mask = 256 - 2 ** (8 - bits);
  return { ...image, data: image.data.map((value) => value & mask) };
}

/** Inverts values from a threshold on. */
export function solarize(image: HostImage, threshold: number): HostImage {
  const bound = boundOf(image);
  return { ...image, data: image.data.map((value) => (value >= threshold ? bound - value : value)) };
}

/** Stretches the values of each channel over the whole range. */
export function autoContrast(image: HostImage): HostImage {
  const plane = image.height * image.width;
  const bound = boundOf(image);
  const data = blank(image, image.data.length);
  for (let c = 0; c < image.channels; c++) {
    const values = image.data.subarray(c * plane, (c + 1) * plane);
    let [min, max] = [Infinity, -Infinity];
    for (const value of values) [min, max] = [Math.min(min, value), Math.max(max, value)];
    for (const [i, value] of values.entries())
      data[c * plane + i] = max > min ? stored(image, (value - min) / ((max - min) / bound)) : value;
  }
  return { ...image, data };
}

/** Equalises the histogram of each channel, for images of bytes. */
export function equalize(image: HostImage): HostImage {
  const plane = image.height * image.width;
  const data = blank(image, image.data.length);
  for (let c = 0; c < image.channels; c++) {
    const values = image.data.subarray(c * plane, (c + 1) * plane);
    const counts = new Int32Array(256);
    for (const value of values) counts[value]!++;
    const last = counts.findLast((count) => count > 0) ?? 0;
    const step = Math.floor((plane - last) / 255);
    let sum = 0;
    const table = Array.from(counts, (count) => {
      const level = step === 0 ? 0 : Math.min(255, Math.floor((sum + Math.floor(step / 2)) / step));
      sum += count;
      return level;
    });
    for (const [i, value] of values.entries()) data[c * plane + i] = step === 0 ? value : table[value]!;
  }
  return { ...image, data };
}
