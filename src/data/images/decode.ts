import { grouped } from '../../errors/counted.js';
import { DataError } from '../../errors/errors.js';
import { BITMAP_PER_BYTE, checkClaim } from '../image-size.js';
import { bmpHeader, decodeBmp } from './formats/bmp.js';
import { formatOf, noImage } from './formats/format.js';
import { type JpegHeader, jpegHeader } from './formats/jpeg-header.js';
import { jpegOrientation, type Orientation, turnUpright, uprightSize } from './formats/orientation.js';
import { decodePnm, pnmHeader } from './formats/pnm.js';
import { decodeBySharp } from './formats/sharp-decode.js';
import { openTurboJpeg } from './formats/turbojpeg.js';
import { roomForPixels, type Size, shrinkToSquare } from './shrink/shrink.js';
import type { Image } from './square-image.js';

/** Default maximum number of pixels of an image: 268 MB at four bytes each. */
const MAX_PIXELS = 2 ** 26;
/** Number of components of a CMYK JPEG. */
const CMYK = 4;

export interface DecodeOptions {
  /** Side of the square in pixels; default: the shorter side of the image. */
  readonly side?: number;
  /** Receives the square, 3 × side × side bytes; default: a new array. */
  readonly into?: Uint8Array<ArrayBuffer> | undefined;
  /** `exif` (default) rotates the image by its EXIF orientation; `stored` does not. */
  readonly orientation?: 'exif' | 'stored' | undefined;
  /** Maximum number of pixels, checked before decoding; default {@link MAX_PIXELS}. */
  readonly maxPixels?: number | undefined;
}

/** An image in its own ArrayBuffer, which can be transferred to another thread. */
export interface Square extends Image {
  readonly data: Uint8Array<ArrayBuffer>;
}

/** An image whose header is read and whose pixels are not decoded yet. */
interface Opened {
  /** Size of the pixels that `fill` writes, before rotation. */
  readonly size: Size;
  readonly orientation: Orientation;
  /** Writes the pixels, 0xBBGGRR. @returns false if another decoder has to be used for this file */
  fill(pixels: Int32Array): boolean;
}

/**
 * Decodes an image and crops its centre square: the shorter side is scaled to `side` (bilinear with antialiasing), the
 * longer side in proportion, rounded down. This equals torchvision's Resize(side) and CenterCrop(side) on an
 * image read by Pillow and rotated by `ImageOps.exif_transpose`: grey becomes RGB, alpha is dropped, colour
 * profiles are ignored. Two differences: 16-bit grey is scaled to 8 bits, where Pillow clips at 255; and a JPEG whose
 * sides are at least 16 times larger is partly scaled by the decoder.
 *
 * The format is detected from the first bytes. JPEGs are decoded by libjpeg-turbo if the system has it, BMP and PNM by
 * this project, all other formats by sharp.
 *
 * @throws DataError for an image that is damaged, truncated or has too many pixels; the caller adds the name
 */
export async function squareOf(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Square> {
  const { orientation, maxPixels = MAX_PIXELS } = options;
  const format = formatOf(bytes);
  if (!format) throw noImage(bytes);
  const check = (size: Size, perByte?: number) => checkSize(size, maxPixels, bytes.length, perByte);
  if (format === 'bmp' || format === 'pnm') {
    const opened = format === 'bmp' ? openBmp(bytes) : openPnm(bytes);
    check(opened.size, BITMAP_PER_BYTE);
    return square(opened, options)!;
  }
  const header = format === 'jpeg' ? jpegHeader(bytes) : undefined;
  if (header) check(header);
  const turned = format === 'jpeg' && orientation !== 'stored' ? jpegOrientation(bytes) : undefined;
  const wanted = header && sizeWhenDecoded(header, options.side);
  // Where libjpeg-turbo reports an error or a warning, sharp decides whether the file is usable and describes the fault.
  const turbo = header && header.components !== CMYK ? openTurboJpeg() : undefined;
  if (turbo && wanted) {
    const fill = (pixels: Int32Array) => turbo(bytes, header, wanted, pixels);
    const done = square({ size: wanted, orientation: turned ?? 1, fill }, options);
    if (done) return done;
  }
  const decoded = await decodeBySharp(bytes, { header, wanted, check });
  const upright = orientation === 'stored' ? 1 : (turned ?? decoded.orientation);
  return square({ ...decoded, orientation: upright }, options)!;
}

/** Like {@link squareOf}. @returns the red, green and blue planes */
export async function decodeSquare(
  bytes: Uint8Array,
  side: number,
  into?: Uint8Array<ArrayBuffer>,
  orientation?: DecodeOptions['orientation'],
): Promise<Uint8Array> {
  return (await squareOf(bytes, { side, into, orientation })).data;
}

function openBmp(bytes: Uint8Array): Opened {
  const header = bmpHeader(bytes);
  const fill = (pixels: Int32Array) => {
    decodeBmp(bytes, header, pixels);
    return true;
  };
  return { size: header, orientation: 1, fill };
}

function openPnm(bytes: Uint8Array): Opened {
  const header = pnmHeader(bytes);
  const fill = (pixels: Int32Array) => {
    decodePnm(bytes, header, pixels);
    return true;
  };
  return { size: header, orientation: 1, fill };
}

/** Decodes, rotates and crops. Must stay synchronous, because all images share the pixel buffer. */
function square({ size, orientation, fill }: Opened, options: DecodeOptions): Square | undefined {
  const upright = uprightSize(size, orientation);
  const side = options.side ?? Math.min(size.width, size.height);
  const data = options.into ?? new Uint8Array(3 * side * side);
  if (orientation === 1) {
    const pixels = roomForPixels(upright, side);
    if (!fill(pixels)) return undefined;
    shrinkToSquare(pixels, upright, side, data);
    return { data, side };
  }
  const stored = new Int32Array(size.width * size.height);
  if (!fill(stored)) return undefined;
  const pixels = roomForPixels(upright, side);
  turnUpright(stored, size, orientation, pixels);
  shrinkToSquare(pixels, upright, side, data);
  return { data, side };
}

/** Decodes at 1/2, 1/4 or 1/8 of the size if the result is exact and still at least eight times as large as `side`. */
function sizeWhenDecoded({ width, height }: JpegHeader, side: number | undefined): Size {
  let factor = 1;
  // Divisible by twice the next factor, since chroma may be subsampled by 2.
  const even = () => width % (4 * factor) === 0 && height % (4 * factor) === 0;
  if (side !== undefined)
    while (factor < 8 && Math.min(width, height) >= 16 * factor * side && even()) factor *= 2;
  return { width: width / factor, height: height / factor };
}

function checkSize(
  { width, height }: Size,
  maxPixels: number,
  bytes: number,
  perByte: number | undefined,
): void {
  if (width * height > maxPixels)
    throw new DataError({
      what: 'the image is too large',
      expected: `at most ${grouped(maxPixels)} pixels`,
      got: `${width} × ${height}`,
      next: 'scale it down first',
    });
  checkClaim('the image', width, height, bytes, perByte);
}
