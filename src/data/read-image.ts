import { readFile, stat } from 'node:fs/promises';
import { DataError } from '../errors/errors.js';
import { diskError } from '../files/disk-error.js';
import { type DecodeOptions, decodeImage } from './image.js';
import type { Image } from './images/square-image.js';

/** Most bytes of an image's file. */
const MAX_BYTES = 2 ** 28;

/** What messages advise. */
export const GIVE_IMAGE = 'give a JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP or PPM image';

/**
 * Reads an image's file and decodes it, exactly as a data set of image files does: turned upright as its camera says,
 * without its alpha, cut to the middle square.
 *
 * @param options.side of the square; the image's own shorter side unless given
 * @param options.orientation `stored` does not turn it
 * @throws DataError when the file is missing, is not an image, or is too large
 */
export async function readImage(
  file: string,
  { side, orientation }: Pick<DecodeOptions, 'side' | 'orientation'> = {},
): Promise<Image> {
  return decodeImage(await readBytes(file), { name: file, next: GIVE_IMAGE, side, orientation });
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
      what: `${file} is not an image`,
      expected: `an image's file of at most ${MAX_BYTES} bytes`,
      got: wrong,
      next: GIVE_IMAGE,
    });
  } catch (error) {
    throw diskError(error, `cannot read the image ${file}`, DataError);
  }
}
