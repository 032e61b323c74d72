import { DataError } from '../../../errors/errors.js';
import type { Size } from '../shrink/shrink.js';
import { formatOf } from './format.js';
import type { JpegHeader } from './jpeg-header.js';
import { asOrientation, type Orientation } from './orientation.js';
import { fromYCbCr, isYCbCr } from './tiff-colours.js';

type SharpModule = typeof import('sharp')['default'];

let loading: Promise<SharpModule> | undefined;

/** Imported on demand, since sharp is not available on every machine. */
function load(): Promise<SharpModule> {
  loading ??= import('sharp').then(({ default: sharp }) => {
    // One thread per image is faster than several, and a cache is useless: no image is decoded twice.
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  });
  return loading;
}

/** An image decoded by sharp. */
export interface Decoded {
  /** Size of the decoded pixels: the stored one, or the requested one. */
  readonly size: Size;
  readonly orientation: Orientation;
  /** Writes the pixels, 0xBBGGRR. */
  fill(pixels: Int32Array): boolean;
}

export interface SharpOptions {
  /** Header of a JPEG, if already known. */
  readonly header: JpegHeader | undefined;
  /** Size to which sharp scales a JPEG during decoding. */
  readonly wanted: Size | undefined;
  /** Called with the size before decoding; throws if it is too large. */
  check(size: Size): void;
}

/**
 * Decodes an image by sharp. The bytes must be of a format that {@link formatOf} knows: sharp also renders SVG, which
 * can take unbounded time.
 *
 * @throws DataError if the image is damaged or truncated
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
    const differences = formatOf(bytes) === 'tiff' && isYCbCr(bytes);
    if (cmyk) image.pipelineColourspace('cmyk').toColourspace('cmyk');
    else image.removeAlpha().toColourspace('srgb');
    const size = wanted ?? { width, height };
    // libjpeg does part of the scaling during decoding; values differ from full scaling by one or two levels of 255.
    if (size.width !== width) image.resize(size.width, size.height, { fit: 'fill' });
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    if (info.width !== size.width || info.height !== size.height)
      throw new Error(`it has ${info.width} × ${info.height} pixels, not ${size.width} × ${size.height}`);
    return {
      size,
      orientation: asOrientation(orientation),
      fill(pixels) {
        if (differences) fromYCbCr(data, info.channels, pixels);
        else if (cmyk) fromCmyk(data, info.channels, pixels);
        else widen(data, info.channels, pixels);
        return true;
      },
    };
  } catch (error) {
    if (error instanceof DataError) throw error;
    const got = error instanceof Error ? error.message : String(error);
    throw new DataError({
      what: 'the image cannot be decoded',
      expected: 'a complete image',
      got: got.replaceAll(/\s*\n\s*/g, '; ').trim(),
      cause: error,
    });
  }
}

/** Packs each pixel into a word 0xBBGGRR; grey becomes three equal values. */
function widen(data: Uint8Array, channels: number, into: Int32Array): void {
  if (channels >= 3)
    for (let i = 0, at = 0; i < into.length; i++, at += channels)
      into[i] = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16);
  else for (let i = 0, at = 0; i < into.length; i++, at += channels) into[i] = data[at]! * 0x010101;
}

/** CMYK to RGB without a colour profile, as in Pillow. */
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
