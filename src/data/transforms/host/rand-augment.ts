import { checkNumber, checkOptionNames, shown } from '../../../errors/arguments.js';
import { UsageError } from '../../../errors/errors.js';
import type { Generator } from '../../../random.js';
import { affine, rotate } from './affine.js';
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  adjustSharpness,
  autoContrast,
  checkColours,
  equalize,
  posterize,
  solarize,
} from './colours.js';
import { type HostImage, type ImageTransform, imageTransform } from './image.js';

export interface RandAugmentOptions {
  /** Changes one after another; default 2. */
  readonly numOps?: number;
  /** Strength of all changes, from 0 to numMagnitudeBins − 1; default 9. */
  readonly magnitude?: number;
  /** Default 31. */
  readonly numMagnitudeBins?: number;
  /** Value of pixels from outside of the image, 0 to 255; default 0. */
  readonly fill?: number;
}

/** A change of an image at a strength from 0 to 1. */
interface Change {
  /** Whether the strength is negated at random. */
  readonly signed: boolean;
  apply(image: HostImage, strength: number, fill: number): HostImage;
}

/** Shears from the upper left corner. */
const corner = ({ width, height }: HostImage) => [-width / 2, -height / 2] as const;
const degrees = (slope: number): number => (Math.atan(slope) * 180) / Math.PI;
const factor =
  (adjust: (image: HostImage, factor: number) => HostImage): Change['apply'] =>
  (image, strength) =>
    adjust(image, 1 + 0.9 * strength);

/** The fourteen changes of torchvision, in its order. */
const CHANGES: readonly Change[] = [
  { signed: false, apply: (image) => image },
  {
    signed: true,
    apply: (image, s, fill) => affine(image, { shear: [degrees(0.3 * s), 0], centre: corner(image) }, fill),
  },
  {
    signed: true,
    apply: (image, s, fill) => affine(image, { shear: [0, degrees(0.3 * s)], centre: corner(image) }, fill),
  },
  {
    signed: true,
    apply: (image, s, fill) =>
      affine(image, { translate: [Math.trunc((150 / 331) * image.width * s), 0] }, fill),
  },
  {
    signed: true,
    apply: (image, s, fill) =>
      affine(image, { translate: [0, Math.trunc((150 / 331) * image.height * s)] }, fill),
  },
  { signed: true, apply: (image, s, fill) => rotate(image, 30 * s, fill) },
  { signed: true, apply: factor(adjustBrightness) },
  { signed: true, apply: factor(adjustSaturation) },
  { signed: true, apply: factor(adjustContrast) },
  { signed: true, apply: factor(adjustSharpness) },
  { signed: false, apply: (image, s) => posterize(image, 8 - halfEven(4 * s)) },
  { signed: false, apply: (image, s) => solarize(image, 255 * (1 - s)) },
  { signed: false, apply: (image) => autoContrast(image) },
  { signed: false, apply: (image) => equalize(image) },
];

function halfEven(value: number): number {
  const low = Math.floor(value);
  return value - low < 0.5 || (value - low === 0.5 && low % 2 === 0) ? low : low + 1;
}

/**
 * Applies random changes of one strength to an image of bytes (Cubuk et al. 2020), as torchvision's RandAugment.
 *
 * @example
 * const transform = transforms.compose([transforms.randAugment(), transforms.toTensor()]);
 */
export function randAugment(options: RandAugmentOptions = {}): ImageTransform {
  checkOptionNames('randAugment', options, ['numOps', 'magnitude', 'numMagnitudeBins', 'fill']);
  const { numOps = 2, magnitude = 9, numMagnitudeBins = 31, fill = 0 } = options;
  for (const [name, value, least] of [
    ['numOps', numOps, 0],
    ['magnitude', magnitude, 0],
    ['numMagnitudeBins', numMagnitudeBins, 2],
  ] as const)
    if (!Number.isInteger(value) || value < least || (name === 'magnitude' && value >= numMagnitudeBins))
      throw new UsageError({
        what: `randAugment got a bad ${name}`,
        expected:
          name === 'magnitude'
            ? `a whole number from 0 to ${numMagnitudeBins - 1}`
            : `a whole number from ${least}`,
        got: shown(value),
      });
  checkNumber('randAugment', 'fill', fill, { least: 0, most: 255, expected: 'a number from 0 to 255' });
  const strength = magnitude / (numMagnitudeBins - 1);
  return imageTransform('randAugment', [options], (image, generator) => {
    checkColours('randAugment', image);
    if (!(image.data instanceof Uint8Array))
      throw new UsageError({
        what: 'randAugment works on bytes',
        expected: 'images from 0 to 255',
        got: 'floats',
        next: 'augment before they become floats',
      });
    let changed = image;
    for (let k = 0; k < numOps; k++) changed = one(changed, strength, fill, generator);
    return changed;
  });
}

function one(image: HostImage, strength: number, fill: number, generator: Generator): HostImage {
  const change = CHANGES[generator.integer(CHANGES.length)]!;
  const sign = change.signed && generator.integer(2) === 1 ? -1 : 1;
  return change.apply(image, sign * strength, fill);
}
