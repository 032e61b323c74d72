import { DataError } from '../../../errors/errors.js';
import type { Size } from '../shrink/shrink.js';
import type { JpegHeader } from './jpeg-header.js';
import { asOrientation, type Orientation } from './orientation.js';

type SharpModule = typeof import('sharp')['default'];

let loading: Promise<SharpModule> | undefined;

/** Loaded when there is something to decode, since not every machine has it. */
function load(): Promise<SharpModule> {
  loading ??= import('sharp').then(({ default: sharp }) => {
    // One image a thread is faster than several threads an image, and nothing is decoded twice.
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  });
  return loading;
}

/** An image that sharp has decoded. */
export interface Decoded {
  /** As stored, or as was wanted. */
  readonly size: Size;
  readonly orientation: Orientation;
  /** Writes the pixels, 0xBBGGRR. */
  fill(pixels: Int32Array): boolean;
}

export interface SharpOptions {
  /** Of a JPEG, where it is known already. */
  readonly header: JpegHeader | undefined;
  /** The size of a JPEG that is scaled while it is decoded. */
  readonly wanted: Size | undefined;
  /** Refuses an image by its size, before it is decoded. */
  check(size: Size): void;
}

/**
 * Decodes by sharp. The bytes must be of a format that {@link formatOf} knows: sharp would also draw SVG, which can
 * take any time.
 *
 * @throws DataError for bytes that are no whole image
 */
export async function decodeBySharp(
  bytes: Uint8Array,
  { header, wanted, check }: SharpOptions,
): Promise<Decoded> {
  const sharp = await load();
  try {
    const { width, height, space, orientation } = await sharp(bytes, { limitInputPixels: false }).metadata();
    if (!header) check({ width, height });
    const image = sharp(bytes, {
      limitInputPixels: width * height,
      failOn: 'error',
      sequentialRead: true,
      ignoreIcc: true,
    });
    const cmyk = space === 'cmyk';
    if (cmyk) image.pipelineColourspace('cmyk').toColourspace('cmyk');
    else image.removeAlpha().toColourspace('srgb');
    const size = wanted ?? { width, height };
    // By a part of it while decoding; not to the same bytes, but within a level or two.
    if (size.width !== width) image.resize(size.width, size.height, { fit: 'fill' });
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    if (info.width !== size.width || info.height !== size.height)
      throw new Error(`it has ${info.width} × ${info.height} pixels, not ${size.width} × ${size.height}`);
    return {
      size,
      orientation: asOrientation(orientation),
      fill(pixels) {
        if (cmyk) fromCmyk(data, info.channels, pixels);
        else widen(data, info.channels, pixels);
        return true;
      },
    };
  } catch (error) {
    if (error instanceof DataError) throw error;
    const got = error instanceof Error ? error.message : String(error);
    throw new DataError({
      what: 'the image cannot be decoded',
      expected: 'a whole image',
      got: got.replaceAll(/\s*\n\s*/g, '; ').trim(),
      cause: error,
    });
  }
}

/** A word for each pixel; grey becomes three equal colours. */
function widen(data: Uint8Array, channels: number, into: Int32Array): void {
  if (channels >= 3)
    for (let i = 0, at = 0; i < into.length; i++, at += channels)
      into[i] = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16);
  else for (let i = 0, at = 0; i < into.length; i++, at += channels) into[i] = data[at]! * 0x010101;
}

/** Ink to light without a profile, as Pillow does it. */
function fromCmyk(data: Uint8Array, channels: number, into: Int32Array): void {
  for (let i = 0, at = 0; i < into.length; i++, at += channels) {
    const light = 255 - data[at + 3]!;
    const part = (ink: number): number => {
      const product = ink * light + 128;
      return light - ((product + (product >> 8)) >> 8);
    };
    into[i] = part(data[at]!) | (part(data[at + 1]!) << 8) | (part(data[at + 2]!) << 16);
  }
}
