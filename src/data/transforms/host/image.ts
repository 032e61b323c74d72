import { UsageError } from '../../../errors/errors.js';
import { hostLeaf } from '../../../graph/node.js';
import { showShape } from '../../../graph/types.js';
import type { Generator } from '../../../random.js';
import { Tensor } from '../../../tensor/tensor.js';
import { dimensions } from '../geometry.js';
import { generatorOf, markFloats, meaningOf, type Transform } from '../transform.js';

/** One image in memory, channel by channel: bytes, or floats in [0, 1]. */
export interface HostImage {
  readonly data: Uint8Array | Float32Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** How another thread makes the same transform. */
export interface ImageSpec {
  readonly name: string;
  readonly args: readonly unknown[];
}

/**
 * A transform of single images that runs on the processor, before the device gets the batch: in a loader's threads,
 * with random numbers that depend only on seed, epoch and position of the image. In a `compose` it comes before the
 * transforms that run on the device.
 */
export interface ImageTransform extends Transform {
  readonly spec: ImageSpec;
  image(image: HostImage, generator: Generator): HostImage;
}

export const isImageTransform = (transform: Transform): transform is ImageTransform =>
  typeof (transform as Partial<ImageTransform>).image === 'function' && 'spec' in transform;

/** An image of the same size, to be filled. */
export const blank = ({ data }: HostImage, size: number): Uint8Array | Float32Array =>
  data instanceof Uint8Array ? new Uint8Array(size) : new Float32Array(size);

/** The largest value of an image's type. */
export const boundOf = ({ data }: HostImage): number => (data instanceof Uint8Array ? 255 : 1);

/** @param args of the function that makes it, for other threads and for `toString` */
export function imageTransform(
  name: string,
  args: readonly unknown[],
  image: ImageTransform['image'],
): ImageTransform {
  return {
    name,
    spec: { name, args },
    image,
    apply(batch, context) {
      const generator = generatorOf(name, context);
      const [count, channels, height, width] = dimensions(batch);
      const { source } = batch.node;
      const data = source?.kind === 'host' ? source.data : undefined;
      if (!(data instanceof Uint8Array) && !(data instanceof Float32Array))
        throw new UsageError({
          what: `${name} works on images in memory`,
          expected: 'bytes or float32 as a data set gives them',
          got: `${batch.dtype} ${showShape(batch.shape)} on the way to the device`,
          next: `put ${name} before resize, toTensor and other transforms of whole batches`,
        });
      const size = channels * height * width;
      const done = Array.from({ length: count }, (_, i) =>
        image({ data: data.subarray(i * size, (i + 1) * size), channels, height, width }, generator),
      );
      const joined = joinImages(name, done);
      const result = new Tensor(
        hostLeaf(joined.data, joined.shape, joined.data instanceof Uint8Array ? 'uint8' : 'float32'),
      );
      return meaningOf(batch)?.range === 'floats' ? markFloats(result) : result;
    },
    toString: () => `${name}(${args.map(shownArgument).join(', ')})`,
  };
}

const shownArgument = (value: unknown): string =>
  Array.isArray(value)
    ? `[${value.map(shownArgument).join(', ')}]`
    : isOptions(value)
      ? shownOptions(value)
      : String(value);
const isOptions = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
const shownOptions = (options: Readonly<Record<string, unknown>>): string =>
  `{ ${Object.entries(options)
    .map(([key, value]) => `${key}: ${shownArgument(value)}`)
    .join(', ')} }`;

/** Images of one size as a batch. @throws UsageError if their sizes differ */
export function joinImages(
  owner: string,
  images: readonly HostImage[],
): { data: Uint8Array | Float32Array; shape: [n: number, channels: number, height: number, width: number] } {
  const [first] = images;
  const { channels = 0, height = 0, width = 0 } = first ?? {};
  const size = channels * height * width;
  const data = first ? blank(first, images.length * size) : new Uint8Array(0);
  for (const [i, one] of images.entries()) {
    if (one.channels !== channels || one.height !== height || one.width !== width)
      throw new UsageError({
        what: `${owner} gives images of different sizes, which cannot be one batch`,
        expected: `${channels} × ${height} × ${width}, as the first one`,
        got: `${one.channels} × ${one.height} × ${one.width}`,
        next: 'crop or resize them to one size',
      });
    data.set(one.data, i * size);
  }
  return { data, shape: [images.length, channels, height, width] };
}
