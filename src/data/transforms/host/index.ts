import { DataError } from '../../../errors/errors.js';
import { Generator } from '../../../random.js';
import { compose, type Transform } from '../transform.js';
import * as augment from './augment.js';
import {
  type HostImage,
  type ImageSpec,
  type ImageTransform,
  isImageTransform,
  joinImages,
} from './image.js';
import { randAugment } from './rand-augment.js';
import { randomResizedCrop } from './resample.js';

/** Stream number: makes these transforms independent of other uses of the same seed. */
const STREAM = 0x5a3b26;
/** Maximum number of images of a batch. */
const MOST = 2 ** 20;

/** Transforms of single images by name, as another thread makes them. */
const MAKERS = { ...augment, randAugment, randomResizedCrop } as unknown as Readonly<
  Record<string, (...args: readonly unknown[]) => ImageTransform>
>;

/** Transforms of single images, and the random numbers of an epoch. */
export interface Augmentation {
  readonly specs: readonly ImageSpec[];
  readonly seed: number;
  readonly epoch: number;
  /** Index of the first image in the whole batch; other ranks have the images before it. */
  readonly first: number;
}

/** The transforms of single images at the beginning of a transform, and the rest, which runs on the device. */
export function splitTransform(transform: Transform | undefined): {
  readonly specs: readonly ImageSpec[];
  readonly rest: Transform | undefined;
} {
  const parts = transform ? flat(transform) : [];
  const end = parts.findIndex((part) => !isImageTransform(part));
  const images = (end < 0 ? parts : parts.slice(0, end)) as readonly ImageTransform[];
  if (images.length === 0) return { specs: [], rest: transform };
  const rest = parts.slice(images.length);
  return { specs: images.map(({ spec }) => spec), rest: rest.length > 0 ? compose(rest) : undefined };
}

const flat = (transform: Transform): readonly Transform[] =>
  transform.parts ? transform.parts.flatMap(flat) : [transform];

/**
 * Transforms the images of a batch, each with its own random numbers.
 *
 * @param index index of the batch in the epoch
 */
export function augmented(
  images: Uint8Array | Float32Array,
  [count, channels, height, width]: readonly [number, number, number, number],
  index: number,
  { specs, seed, epoch, first }: Augmentation,
): ReturnType<typeof joinImages> {
  const steps = specs.map(({ name, args }) => {
    const make = Object.hasOwn(MAKERS, name) ? MAKERS[name] : undefined;
    if (!make) throw new DataError({ what: `there is no transform ${name} of single images` });
    return make(...args);
  });
  const generator = new Generator(seed, STREAM).fork(epoch);
  const size = channels * height * width;
  const done = Array.from({ length: count }, (_, i) => {
    const own = generator.fork(index * MOST + first + i);
    const image: HostImage = { data: images.subarray(i * size, (i + 1) * size), channels, height, width };
    return steps.reduce((changed, step) => step.image(changed, own), image);
  });
  return joinImages('the transform', done);
}
