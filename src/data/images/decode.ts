import type { Sharp } from 'sharp';
import { DataError } from '../../errors.js';
import { checkClaim } from '../picture-size.js';
import { centred } from '../transforms/centre.js';
import { jpegHeader } from './jpeg-header.js';

/** Sides of a JPEG that can be halved three times come out even, blocks of colour included. */
const EVEN = 16;

type SharpModule = typeof import('sharp')['default'];

/** Most pixels of a picture: 201 MB as bytes. */
export const MAX_PIXELS = 2 ** 26;
/** Longer side to shorter side, at most: it would be scaled as a whole before the middle is cut. */
const MAX_PROPORTION = 200;

let loading: Promise<SharpModule> | undefined;

/** Loaded when there is something to decode, since not every machine has it. */
function load(): Promise<SharpModule> {
  loading ??= import('sharp').then(({ default: sharp }) => {
    // One picture a thread is faster than several threads a picture, and nothing is decoded twice.
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  });
  return loading;
}

/**
 * Decodes a picture and cuts its middle square: the shorter side is scaled to `side` (bilinear with
 * antialiasing), the longer one in proportion and cut down to whole pixels, and the centre is kept. That is
 * torchvision's Resize(side) and CenterCrop(side) (paper, section 2), on pictures read as PIL reads them: grey
 * becomes RGB, alpha is dropped, colour profiles are ignored and EXIF does not turn the picture. Two things
 * differ: CMYK goes through its colour profile, and a JPEG of at least four times the size is partly scaled
 * while it is decoded, if its sides are multiples of 16.
 *
 * @returns 3 × side × side bytes: red, green and blue planes
 * @throws DataError for bytes that are no whole picture, or one of too many pixels; the message lacks the name
 */
export async function decodeSquare(bytes: Uint8Array, side: number): Promise<Uint8Array> {
  const sharp = await load();
  try {
    const { width, height, cmyk, alpha } = await kindOf(bytes, sharp);
    if (width * height > MAX_PIXELS)
      throw new DataError({
        what: 'the picture is too large',
        expected: `at most ${MAX_PIXELS} pixels`,
        got: `${width} × ${height}`,
      });
    const shorter = Math.min(width, height);
    if (Math.max(width, height) > MAX_PROPORTION * shorter)
      throw new DataError({
        what: 'the picture is too narrow',
        expected: `at most ${MAX_PROPORTION} times as long as wide`,
        got: `${width} × ${height}`,
      });
    checkClaim('the picture', width, height, bytes.length);
    const options = {
      limitInputPixels: MAX_PIXELS,
      failOn: 'error',
      sequentialRead: true,
      ignoreIcc: !cmyk,
    } as const;
    let picture = sharp(bytes, options);
    // Scaling weighs colours by their alpha, so that goes first.
    if (alpha) {
      const { data, info } = await rgb(picture).toBuffer({ resolveWithObject: true });
      picture = sharp(data, { raw: { width, height, channels: info.channels } });
    }
    const [w, h] = [width, height].map((length) => Math.trunc((side * length) / shorter)) as [number, number];
    if (w !== width || h !== height) {
      // A large JPEG is scaled by half or less while it is decoded. Where that does not come out even the
      // picture would move by parts of a pixel; cutting anything, even nothing, before scaling prevents it.
      if (width % EVEN !== 0 || height % EVEN !== 0) picture.extract({ left: 0, top: 0, width, height });
      picture.resize(w, h, { fit: 'fill', kernel: 'linear', fastShrinkOnLoad: false });
    }
    picture.extract({ left: centred(w, side), top: centred(h, side), width: side, height: side });
    const { data, info } = await rgb(picture).toBuffer({ resolveWithObject: true });
    return planes(data, info.channels);
  } catch (error) {
    if (error instanceof DataError) throw error;
    const got = error instanceof Error ? error.message : String(error);
    throw new DataError({
      what: 'the picture cannot be decoded',
      expected: 'a whole picture',
      got: got.replaceAll(/\s*\n\s*/g, '; ').trim(),
      cause: error,
    });
  }
}

interface Kind {
  readonly width: number;
  readonly height: number;
  readonly cmyk: boolean;
  readonly alpha: boolean;
}

async function kindOf(bytes: Uint8Array, sharp: SharpModule): Promise<Kind> {
  const jpeg = jpegHeader(bytes);
  if (jpeg) return { ...jpeg, cmyk: jpeg.components === 4, alpha: false };
  const { width, height, space, hasAlpha } = await sharp(bytes, { limitInputPixels: false }).metadata();
  return { width, height, cmyk: space === 'cmyk', alpha: hasAlpha };
}

const rgb = (picture: Sharp): Sharp => picture.removeAlpha().toColourspace('srgb').raw({ depth: 'uchar' });

/** Pixel after pixel → plane after plane; grey becomes three equal planes. */
function planes(pixels: Uint8Array, channels: number): Uint8Array {
  const count = pixels.length / channels;
  const result = new Uint8Array(3 * count);
  if (channels === 1) {
    for (let c = 0; c < 3; c++) result.set(pixels, c * count);
    return result;
  }
  if (channels !== 3 || count % 4 !== 0 || pixels.byteOffset % 4 !== 0) {
    for (let c = 0; c < 3; c++)
      for (let i = 0; i < count; i++) result[c * count + i] = pixels[channels * i + c]!;
    return result;
  }
  // Four pixels at a time, which takes half as long as byte by byte.
  const from = new Uint32Array(pixels.buffer, pixels.byteOffset, pixels.length / 4);
  const to = new Uint32Array(result.buffer);
  const [green, blue] = [count / 4, count / 2];
  for (let i = 0, at = 0; i < green; i++, at += 3) {
    const [a, b, c] = [from[at]!, from[at + 1]!, from[at + 2]!];
    to[i] = (a & 255) | ((a >>> 24) << 8) | (((b >>> 16) & 255) << 16) | (((c >>> 8) & 255) << 24);
    to[green + i] = ((a >>> 8) & 255) | ((b & 255) << 8) | ((b >>> 24) << 16) | (((c >>> 16) & 255) << 24);
    to[blue + i] = ((a >>> 16) & 255) | (((b >>> 8) & 255) << 8) | ((c & 255) << 16) | ((c >>> 24) << 24);
  }
  return result;
}
