import { readFile, stat } from 'node:fs/promises';
import sharp from 'sharp';
import { diskError } from '../disk-error.js';
import { DataError } from '../errors.js';

/** Most pixels of a picture: 201 MB as bytes. */
const MAX_PIXELS = 2 ** 26;
/** Most bytes of a picture's file. */
const MAX_BYTES = 2 ** 28;

/** A square picture, ready for a model's transform. */
export interface Picture {
  /** Channels × side × side, red before green before blue. */
  readonly data: Uint8Array;
  readonly side: number;
}

const NEXT = 'give a JPEG, PNG, WebP, GIF, TIFF or AVIF picture';

/**
 * Decodes a picture: turned upright as its camera says, on white where it is transparent, and cut to the middle
 * square.
 *
 * @throws DataError when the file is missing, is not a picture, or is too large
 */
export async function readPicture(file: string): Promise<Picture> {
  const bytes = await readBytes(file);
  try {
    const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
    if (width * height > MAX_PIXELS)
      throw new DataError({
        what: `${file} is too large a picture`,
        expected: `at most ${MAX_PIXELS.toLocaleString('en-US')} pixels`,
        got: `${width} × ${height} pixels`,
        next: 'make it smaller first',
      });
    const side = Math.min(width, height);
    const { data, info } = await sharp(bytes, { limitInputPixels: MAX_PIXELS, failOn: 'error' })
      .autoOrient()
      .resize(side, side, { fit: 'cover', position: 'centre', kernel: 'nearest' })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { data: planes(data, info.channels), side };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError({
      what: `${file} cannot be read as a picture`,
      expected: 'a picture, whole',
      got: (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, '; ').trim(),
      next: NEXT,
      cause: error,
    });
  }
}

async function readBytes(file: string): Promise<Buffer> {
  try {
    const info = await stat(file);
    const wrong = !info.isFile()
      ? info.isDirectory()
        ? 'a folder'
        : 'something that is not a file'
      : info.size === 0
        ? 'an empty file'
        : info.size > MAX_BYTES
          ? `${info.size} bytes`
          : undefined;
    if (wrong === undefined) return await readFile(file);
    throw new DataError({
      what: `${file} is not a picture`,
      expected: `a picture's file of at most ${MAX_BYTES} bytes`,
      got: wrong,
      next: NEXT,
    });
  } catch (error) {
    throw diskError(error, `cannot read the picture ${file}`, DataError);
  }
}

/** Pixel after pixel → plane after plane; grey becomes three equal planes. */
function planes(pixels: Uint8Array, channels: number): Uint8Array {
  const count = pixels.length / channels;
  const data = new Uint8Array(3 * count);
  for (let c = 0; c < 3; c++) {
    const from = channels === 3 ? c : 0;
    for (let i = 0; i < count; i++) data[c * count + i] = pixels[i * channels + from]!;
  }
  return data;
}
