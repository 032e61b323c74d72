import { DataError } from '../../errors/errors.js';
import { checkClaim } from '../image-size.js';
import { bmpHeader, decodeBmp } from './formats/bmp.js';
import { formatOf, noImage } from './formats/format.js';
import { type JpegHeader, jpegHeader } from './formats/jpeg-header.js';
import { jpegOrientation, type Orientation, turnUpright, uprightSize } from './formats/orientation.js';
import { decodePnm, pnmHeader } from './formats/pnm.js';
import { decodeBySharp } from './formats/sharp-decode.js';
import { openTurboJpeg } from './formats/turbojpeg.js';
import { roomForPixels, type Size, shrinkToSquare } from './shrink/shrink.js';
import type { Image } from './square-image.js';

/** Most pixels of an image: 268 MB at four bytes each. */
export const MAX_PIXELS = 2 ** 26;
/** Components of a JPEG in these colours. */
const CMYK = 4;

export interface DecodeOptions {
  /** Side of the square; the image's own shorter side unless given. */
  readonly side?: number;
  /** Where the square goes: 3 × side × side bytes; new ones unless given. */
  readonly into?: Uint8Array<ArrayBuffer> | undefined;
  /** `exif` (unless given) turns the image upright as its camera says, `stored` does not. */
  readonly orientation?: 'exif' | 'stored' | undefined;
  /** A larger image is refused before it is decoded; {@link MAX_PIXELS} unless given. */
  readonly maxPixels?: number | undefined;
}

/** An image in memory of its own, which can be handed to another thread. */
export interface Square extends Image {
  readonly data: Uint8Array<ArrayBuffer>;
}

/** An image that is about to be decoded. */
interface Opened {
  /** As stored, and as `fill` gives it. */
  readonly size: Size;
  readonly orientation: Orientation;
  /** Writes the pixels, 0xBBGGRR. False when something else has to decode this file. */
  fill(pixels: Int32Array): boolean;
}

/**
 * Decodes an image and cuts its middle square: the shorter side is scaled to `side` (bilinear with antialiasing), the
 * longer one in proportion and cut down to whole pixels, and the centre is kept. That is torchvision's Resize(side)
 * and CenterCrop(side) (paper, section 2), on images read as Pillow reads them once `ImageOps.exif_transpose` has
 * turned them: grey becomes RGB, alpha is dropped, colour profiles are ignored. Two things differ: grey of 16 bits is
 * scaled to 8, where Pillow cuts it off at 255, and a JPEG of at least sixteen times the size is partly scaled while it
 * is decoded.
 *
 * What a file is, its first bytes tell. JPEGs are decoded by libjpeg-turbo where the system has it, BMP and PPM here,
 * and everything else by sharp.
 *
 * @throws DataError for bytes that are no whole image, or one of too many pixels; the message lacks the name
 */
export async function squareOf(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Square> {
  const { orientation, maxPixels = MAX_PIXELS } = options;
  const format = formatOf(bytes);
  if (!format) throw noImage(bytes);
  const check = (size: Size) => checkSize(size, maxPixels, bytes.length);
  if (format === 'bmp' || format === 'pnm') {
    const opened = format === 'bmp' ? openBmp(bytes) : openPnm(bytes);
    check(opened.size);
    return square(opened, options)!;
  }
  const header = format === 'jpeg' ? jpegHeader(bytes) : undefined;
  if (header) check(header);
  const turned = format === 'jpeg' && orientation !== 'stored' ? jpegOrientation(bytes) : undefined;
  const wanted = header && sizeWhenDecoded(header, options.side);
  // What libjpeg-turbo does not read without a complaint goes to sharp, which knows what can be forgiven and says what
  // cannot.
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

/** The square of an image, see {@link squareOf}. @returns its red, green and blue planes */
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

/** No other image may come between the room for its pixels and the square: the room is the same for all. */
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

/** A JPEG that stays at least eight times as large is scaled by 2, 4 or 8 while it is decoded, if that comes out even. */
function sizeWhenDecoded({ width, height }: JpegHeader, side: number | undefined): Size {
  let factor = 1;
  // By twice the next factor, since colours may have half as many pixels.
  const even = () => width % (4 * factor) === 0 && height % (4 * factor) === 0;
  if (side !== undefined)
    while (factor < 8 && Math.min(width, height) >= 16 * factor * side && even()) factor *= 2;
  return { width: width / factor, height: height / factor };
}

function checkSize({ width, height }: Size, maxPixels: number, bytes: number): void {
  if (width * height > maxPixels)
    throw new DataError({
      what: 'the image is too large',
      expected: `at most ${maxPixels.toLocaleString('en-US')} pixels`,
      got: `${width} × ${height}`,
      next: 'make it smaller first',
    });
  checkClaim('the image', width, height, bytes);
}
