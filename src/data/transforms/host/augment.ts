import { checkNumber, checkOptionNames, shown } from '../../../errors/arguments.js';
import { UsageError } from '../../../errors/errors.js';
import type { Generator } from '../../../random.js';
import { rotate } from './affine.js';
import { checkProbability, checkRange } from './arguments.js';
import { gaussianBlurred } from './blur.js';
import {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  checkColours,
  toGrey,
} from './colours.js';
import { boundOf, type HostImage, type ImageTransform, imageTransform } from './image.js';

/** A number s means factors from max(0, 1 − s) to 1 + s; a pair gives the smallest and largest factor. */
type Strength = number | readonly [number, number];

export interface ColorJitterOptions {
  readonly brightness?: Strength;
  readonly contrast?: Strength;
  readonly saturation?: Strength;
  /** Shift in turns: a number s for [−s, s], at most 0.5. */
  readonly hue?: Strength;
}

/** Changes brightness, contrast, saturation and hue by random factors, in random order. */
export function colorJitter(options: ColorJitterOptions = {}): ImageTransform {
  checkOptionNames('colorJitter', options, ['brightness', 'contrast', 'saturation', 'hue']);
  const { brightness = 0, contrast = 0, saturation = 0, hue = 0 } = options;
  const factor = (name: string, strength: Strength): readonly [number, number] => {
    const range =
      typeof strength === 'number' ? ([Math.max(0, 1 - strength), 1 + strength] as const) : strength;
    if (typeof strength === 'number')
      checkNumber('colorJitter', name, strength, { least: 0, expected: 'a number from 0, or [low, high]' });
    checkRange('colorJitter', name, range, { least: 0 });
    return range;
  };
  const turns: unknown = typeof hue === 'number' ? [-hue, hue] : hue;
  checkRange('colorJitter', 'hue', turns, { least: -0.5, most: 0.5 });
  const changes: readonly [readonly [number, number], (image: HostImage, by: number) => HostImage, number][] =
    [
      [factor('brightness', brightness), adjustBrightness, 1],
      [factor('contrast', contrast), adjustContrast, 1],
      [factor('saturation', saturation), adjustSaturation, 1],
      [turns, adjustHue, 0],
    ];
  return imageTransform('colorJitter', [options], (image, generator) => {
    checkColours('colorJitter', image);
    const order = generator.permutation(changes.length);
    const drawn = changes.map(([range]) => generator.uniform(...range));
    return order.reduce((changed, k) => {
      const [[low, high], change, none] = changes[k]!;
      return low === none && high === none ? changed : change(changed, drawn[k]!);
    }, image);
  });
}

/** Turns images grey. @param channels 1 (default), or 3 equal ones */
export function grayscale(channels: 1 | 3 = 1): ImageTransform {
  if (channels !== 1 && channels !== 3)
    throw new UsageError({
      what: 'grayscale got a bad number of channels',
      expected: '1 or 3',
      got: shown(channels),
    });
  return imageTransform('grayscale', [channels], (image) => {
    checkColours('grayscale', image);
    return toGrey(image, channels);
  });
}

/** Turns an image grey with probability p; it keeps its number of channels. */
export function randomGrayscale(p = 0.1): ImageTransform {
  checkProbability('randomGrayscale', p);
  return imageTransform('randomGrayscale', [p], (image, generator) => {
    checkColours('randomGrayscale', image);
    return generator.uniform() < p ? toGrey(image, image.channels === 3 ? 3 : 1) : image;
  });
}

export interface RandomErasingOptions {
  /** Default 0.5. */
  readonly p?: number;
  /** Area of the rectangle relative to that of the image; default [0.02, 0.33]. */
  readonly scale?: readonly [number, number];
  /** Height of the rectangle divided by its width; default [0.3, 3.3]. */
  readonly ratio?: readonly [number, number];
  /** What it is filled with: a number, one for each channel, or random values; default 0. */
  readonly value?: number | readonly number[] | 'random';
}

/** Erases a random rectangle with probability p. */
export function randomErasing(options: RandomErasingOptions = {}): ImageTransform {
  checkOptionNames('randomErasing', options, ['p', 'scale', 'ratio', 'value']);
  const { p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = options;
  checkProbability('randomErasing', p);
  checkRange('randomErasing', 'scale', scale, { least: 0, most: 1 });
  checkRange('randomErasing', 'ratio', ratio, { least: Number.MIN_VALUE });
  const values = typeof value === 'number' ? [value] : value;
  if (values !== 'random' && !(Array.isArray(values) && values.length > 0 && values.every(Number.isFinite)))
    throw new UsageError({
      what: 'randomErasing got a bad value',
      expected: "a number, one for each channel, or 'random'",
      got: shown(value),
    });
  return imageTransform('randomErasing', [options], (image, generator) => {
    if (generator.uniform() >= p) return image;
    if (values !== 'random' && values.length !== 1 && values.length !== image.channels)
      throw new UsageError({
        what: 'randomErasing cannot fill these images',
        expected: `one value, or ${image.channels}`,
        got: `${values.length}`,
      });
    return erased(image, rectangle(image, scale, ratio, generator), (c) =>
      values === 'random' ? randomValue(image, generator) : values[c % values.length]!,
    );
  });
}

/** Normal, as in torchvision; of bytes, uniform, since a normal value would nearly always be 0 or wrap. */
const randomValue = (image: HostImage, generator: Generator): number =>
  boundOf(image) === 255 ? generator.integer(256) : generator.normal();

/** A random rectangle; undefined if ten tries do not fit into the image. */
function rectangle(
  { height, width }: HostImage,
  scale: readonly [number, number],
  ratio: readonly [number, number],
  generator: Generator,
): [top: number, left: number, height: number, width: number] | undefined {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * generator.uniform(...scale);
    const aspect = Math.exp(generator.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
    const h = Math.round(Math.sqrt(area * aspect));
    const w = Math.round(Math.sqrt(area / aspect));
    if (h >= height || w >= width) continue;
    return [generator.integer(height - h + 1), generator.integer(width - w + 1), h, w];
  }
  return undefined;
}

function erased(
  image: HostImage,
  place: readonly [number, number, number, number] | undefined,
  value: (channel: number) => number,
): HostImage {
  if (!place) return image;
  const [top, left, high, wide] = place;
  const data = image.data.slice();
  for (let c = 0; c < image.channels; c++)
    for (let y = top; y < top + high; y++)
      for (let x = left; x < left + wide; x++) data[(c * image.height + y) * image.width + x] = value(c);
  return { ...image, data };
}

/**
 * Rotates by a random angle, each pixel from the nearest one.
 * @param degrees [low, high], or a number d for [−d, d]
 * @param options.fill value of pixels from outside of the image; default 0
 */
export function randomRotation(
  degrees: number | readonly [number, number],
  options: { fill?: number } = {},
): ImageTransform {
  checkOptionNames('randomRotation', options, ['fill']);
  const { fill = 0 } = options;
  checkNumber('randomRotation', 'fill', fill, { expected: 'a number' });
  if (typeof degrees === 'number')
    checkNumber('randomRotation', 'degrees', degrees, {
      least: 0,
      expected: 'a number from 0, or [low, high]',
    });
  const range = typeof degrees === 'number' ? ([-degrees, degrees] as const) : degrees;
  checkRange('randomRotation', 'degrees', range);
  const args = Object.keys(options).length > 0 ? [degrees, options] : [degrees];
  return imageTransform('randomRotation', args, (image, generator) =>
    rotate(image, generator.uniform(...range), fill),
  );
}

/**
 * Blurs by a Gaussian of random width.
 * @param kernelSize odd number of pixels, or [horizontal, vertical]
 * @param sigma standard deviation in pixels, or [low, high]; default [0.1, 2]
 */
export function gaussianBlur(
  kernelSize: number | readonly [number, number],
  sigma: number | readonly [number, number] = [0.1, 2],
): ImageTransform {
  const size: unknown = typeof kernelSize === 'number' ? [kernelSize, kernelSize] : kernelSize;
  if (
    !(
      Array.isArray(size) &&
      size.length === 2 &&
      size.every((k) => Number.isInteger(k) && k > 0 && k % 2 === 1)
    )
  )
    throw new UsageError({
      what: 'gaussianBlur got a bad kernel size',
      expected: 'an odd number of pixels, or two',
      got: shown(kernelSize),
    });
  const range = typeof sigma === 'number' ? ([sigma, sigma] as const) : sigma;
  checkRange('gaussianBlur', 'sigma', range, { least: Number.MIN_VALUE });
  return imageTransform('gaussianBlur', [kernelSize, sigma], (image, generator) => {
    const drawn = generator.uniform(...range);
    return gaussianBlurred(image, size as [number, number], [drawn, drawn]);
  });
}

/** Mirrors an image vertically with probability p. */
export function randomVerticalFlip(p = 0.5): ImageTransform {
  checkProbability('randomVerticalFlip', p);
  return imageTransform('randomVerticalFlip', [p], (image, generator) => {
    if (generator.uniform() >= p) return image;
    const { channels, height, width } = image;
    const data = image.data.slice();
    for (let row = 0; row < channels * height; row++) {
      const from = Math.floor(row / height) * height + (height - 1 - (row % height));
      data.set(image.data.subarray(from * width, (from + 1) * width), row * width);
    }
    return { ...image, data };
  });
}
