import { readFile, stat } from 'node:fs/promises';
import { DataError } from '../errors/errors.js';
import { diskError } from '../files/disk-error.js';
import { type DecodeOptions, decodeImage } from './image.js';
import { FORMATS } from './images/formats/format.js';
import type { Image } from './images/square-image.js';

/** Maximum size of an image file in bytes. */
const MAX_BYTES = 2 ** 28;

/** The advice (`next`) of error messages. */
export const GIVE_IMAGE = `give ${FORMATS}`;

/**
 * Reads and decodes an image file exactly as a data set of image files does: rotated by its EXIF orientation, without
 * alpha, cropped to the centre square.
 *
 * @param options.side of the square in pixels; default: the shorter side of the image
 * @param options.orientation `stored` does not rotate
 * @throws DataError if the file is missing, is not an image, or is too large
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
      expected: `an image file of at most ${MAX_BYTES} bytes`,
      got: wrong,
      next: GIVE_IMAGE,
    });
  } catch (error) {
    throw diskError(error, `cannot read the image ${file}`, DataError);
  }
}
