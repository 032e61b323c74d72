import { checkOptionNames } from '../../../errors/arguments.js';
import { pair } from '../../../ops/conv2d.js';
import type { Generator } from '../../../random.js';
import { checkSize, type ImageSize } from '../geometry.js';
import { checkRange } from './arguments.js';
import { blank, type HostImage, type ImageTransform, imageTransform } from './image.js';

/** The taps of one output position. */
interface Taps {
  readonly first: number;
  readonly weights: Float64Array;
}

/** A triangle filter with half-pixel centres, widened by the scale when shrinking, as in PIL and torchvision. */
function tapsOf(from: number, to: number): Taps[] {
  const scale = from / to;
  const support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights = Float64Array.from({ length: end - first }, (_unused, k) =>
      Math.max(0, 1 - Math.abs((first + k + 0.5 - centre) / support)),
    );
    const total = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((w) => w / total) };
  });
}

/** A part of an image, resized bilinearly with antialiasing; bytes are rounded after each direction, as in PIL. */
export function resizedCrop(
  image: HostImage,
  [top, left, high, wide]: readonly [top: number, left: number, height: number, width: number],
  [height, width]: readonly [height: number, width: number],
): HostImage {
  const { channels, data } = image;
  const bytes = data instanceof Uint8Array;
  const settle = (value: number): number =>
    bytes ? Math.min(255, Math.max(0, Math.floor(value + 0.5))) : value;
  const [columns, rows] = [tapsOf(wide, width), tapsOf(high, height)];
  const out = blank(image, channels * height * width);
  const middle = new Float64Array(high * width);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < high; y++) {
      const row = (c * image.height + top + y) * image.width + left;
      for (const [x, { first, weights }] of columns.entries()) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k]! * data[row + first + k]!;
        middle[y * width + x] = settle(sum);
      }
    }
    for (const [y, { first, weights }] of rows.entries())
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k]! * middle[(first + k) * width + x]!;
        out[(c * height + y) * width + x] = settle(sum);
      }
  }
  return { data: out, channels, height, width };
}

/** A window of random area and aspect, as torchvision draws it; the middle of the image if ten tries do not fit. */
function randomWindow(
  { height, width }: HostImage,
  scale: readonly [number, number],
  ratio: readonly [number, number],
  generator: Generator,
): [top: number, left: number, height: number, width: number] {
  const area = height * width;
  for (let attempt = 0; attempt < 10; attempt++) {
    const target = area * generator.uniform(...scale);
    const aspect = Math.exp(generator.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
    const w = Math.round(Math.sqrt(target * aspect));
    const h = Math.round(Math.sqrt(target / aspect));
    if (w > 0 && w <= width && h > 0 && h <= height)
      return [generator.integer(height - h + 1), generator.integer(width - w + 1), h, w];
  }
  const aspect = width / height;
  const [h, w] =
    aspect < ratio[0]
      ? [Math.round(width / ratio[0]), width]
      : aspect > ratio[1]
        ? [height, Math.round(height * ratio[1])]
        : [height, width];
  return [Math.floor((height - h) / 2), Math.floor((width - w) / 2), h, w];
}

/**
 * Crops a part of random area and aspect, and resizes it bilinearly with antialiasing.
 *
 * @param options.scale area of the part relative to that of the image; default [0.08, 1]
 * @param options.ratio width of the part divided by its height; default [3/4, 4/3]
 */
export function randomResizedCrop(
  size: ImageSize,
  options: { scale?: readonly [number, number]; ratio?: readonly [number, number] } = {},
): ImageTransform {
  checkSize('randomResizedCrop', size);
  checkOptionNames('randomResizedCrop', options, ['scale', 'ratio']);
  const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] } = options;
  checkRange('randomResizedCrop', 'scale', scale, { least: 0, most: 1 });
  checkRange('randomResizedCrop', 'ratio', ratio, { least: Number.MIN_VALUE });
  const args = Object.keys(options).length > 0 ? [size, options] : [size];
  return imageTransform('randomResizedCrop', args, (image, generator) =>
    resizedCrop(image, randomWindow(image, scale, ratio, generator), pair(size)),
  );
}
