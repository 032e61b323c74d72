import { readFile, stat } from 'node:fs/promises';
import { DataError } from '../errors/errors.js';
import { diskError } from '../files/disk-error.js';
import { decodeImage, type Image } from './image.js';

/** Most pixels of an image: 201 MB as bytes. */
const MAX_PIXELS = 2 ** 26;
/** Most bytes of an image's file. */
const MAX_BYTES = 2 ** 28;

const NEXT = 'give a JPEG, PNG, WebP, GIF, TIFF or AVIF image';

/**
 * Reads an image's file and decodes it: turned upright as its camera says, on white where it is transparent, cut to
 * the middle square.
 *
 * @param options.side a larger image is made as small as this; it keeps its own side otherwise
 * @throws DataError when the file is missing, is not an image, or is too large
 */
export async function readImage(file: string, { side }: { side?: number } = {}): Promise<Image> {
  const options = { name: file, maxPixels: MAX_PIXELS, next: NEXT };
  return decodeImage(await readBytes(file), side === undefined ? options : { ...options, side });
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
      next: NEXT,
    });
  } catch (error) {
    throw diskError(error, `cannot read the image ${file}`, DataError);
  }
}
