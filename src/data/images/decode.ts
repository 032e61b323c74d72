import { DataError } from '../../errors/errors.js';
import { checkClaim } from '../image-size.js';
import { type JpegHeader, jpegHeader } from './jpeg-header.js';
import { roomForPixels, type Size, shrinkToSquare } from './shrink.js';
import { openTurboJpeg } from './turbojpeg.js';

type SharpModule = typeof import('sharp')['default'];

/** Most pixels of an image: 268 MB at four bytes each. */
export const MAX_PIXELS = 2 ** 26;
/** Longer side to shorter side, at most. */
const MAX_PROPORTION = 200;
/** Components of a JPEG in these colours. */
const CMYK = 4;

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

/**
 * Decodes an image and cuts its middle square: the shorter side is scaled to `side` (bilinear with
 * antialiasing), the longer one in proportion and cut down to whole pixels, and the centre is kept. That is
 * torchvision's Resize(side) and CenterCrop(side) (paper, section 2), on images read as PIL reads them: grey
 * becomes RGB, alpha is dropped, colour profiles are ignored and EXIF does not turn the image. Two things
 * differ: CMYK goes through its colour profile, and a JPEG of at least four times the size is partly scaled while
 * it is decoded.
 *
 * JPEGs are decoded by libjpeg-turbo where the system has it, and everything else by sharp.
 *
 * @param into the 3 × side × side bytes to fill; new ones unless given
 * @returns them: red, green and blue planes
 * @throws DataError for bytes that are no whole image, or one of too many pixels; the message lacks the name
 */
export async function decodeSquare(
  bytes: Uint8Array,
  side: number,
  into = new Uint8Array(3 * side * side),
): Promise<Uint8Array> {
  const header = jpegHeader(bytes);
  if (header) checkSize(header, bytes.length);
  const size = header && sizeWhenDecoded(header, side);
  // What it does not read without a complaint goes to sharp, which knows what can be forgiven and says what cannot.
  const turbo = header && header.components !== CMYK ? openTurboJpeg() : undefined;
  if (size && turbo) {
    // No other image may come between: the room for its pixels is the same.
    const pixels = roomForPixels(size, side);
    if (turbo(bytes, header, size, pixels)) {
      shrinkToSquare(pixels, size, side, into);
      return into;
    }
  }
  const decoded = await decodeBySharp(bytes, header, size);
  const pixels = roomForPixels(decoded.size, side);
  widen(decoded.data, decoded.channels, pixels);
  shrinkToSquare(pixels, decoded.size, side, into);
  return into;
}

/** A JPEG of at least four times the size is scaled by 2, 4 or 8 while it is decoded, if that comes out even. */
function sizeWhenDecoded({ width, height }: Size, side: number): Size {
  let factor = 1;
  // By twice the next factor, since colours may have half as many pixels.
  const even = () => width % (4 * factor) === 0 && height % (4 * factor) === 0;
  while (factor < 8 && Math.min(width, height) >= 4 * factor * side && even()) factor *= 2;
  return { width: width / factor, height: height / factor };
}

async function decodeBySharp(bytes: Uint8Array, header: JpegHeader | undefined, wanted: Size | undefined) {
  const sharp = await load();
  try {
    const kind = header ? { ...header, cmyk: header.components === CMYK } : await kindOf(bytes, sharp);
    if (!header) checkSize(kind, bytes.length);
    const options = {
      limitInputPixels: MAX_PIXELS,
      failOn: 'error',
      sequentialRead: true,
      ignoreIcc: !kind.cmyk,
    } as const;
    const image = sharp(bytes, options).removeAlpha().toColourspace('srgb').raw({ depth: 'uchar' });
    const size = wanted ?? kind;
    // By a part of it while decoding; not to the same bytes, but within a level or two.
    if (size.width !== kind.width) image.resize(size.width, size.height, { fit: 'fill' });
    const { data, info } = await image.toBuffer({ resolveWithObject: true });
    return { data, channels: info.channels, size };
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

async function kindOf(bytes: Uint8Array, sharp: SharpModule) {
  const { width, height, space } = await sharp(bytes, { limitInputPixels: false }).metadata();
  return { width, height, cmyk: space === 'cmyk' };
}

function checkSize({ width, height }: Size, bytes: number): void {
  if (width * height > MAX_PIXELS)
    throw new DataError({
      what: 'the image is too large',
      expected: `at most ${MAX_PIXELS} pixels`,
      got: `${width} × ${height}`,
    });
  if (Math.max(width, height) > MAX_PROPORTION * Math.min(width, height))
    throw new DataError({
      what: 'the image is too narrow',
      expected: `at most ${MAX_PROPORTION} times as long as wide`,
      got: `${width} × ${height}`,
    });
  checkClaim('the image', width, height, bytes);
}

/** A word for each pixel; grey becomes three equal colours. */
function widen(data: Uint8Array, channels: number, into: Int32Array): void {
  if (channels === 3)
    for (let i = 0, at = 0; i < into.length; i++, at += 3)
      into[i] = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16);
  else for (let i = 0; i < into.length; i++) into[i] = data[i]! * 0x010101;
}
