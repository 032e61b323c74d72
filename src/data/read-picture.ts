import { readFile, stat } from 'node:fs/promises';
import { diskError } from '../disk-error.js';
import { DataError } from '../errors.js';
import { decodePicture, type Picture } from './picture.js';

/** Most pixels of a picture: 201 MB as bytes. */
const MAX_PIXELS = 2 ** 26;
/** Most bytes of a picture's file. */
const MAX_BYTES = 2 ** 28;

const NEXT = 'give a JPEG, PNG, WebP, GIF, TIFF or AVIF picture';

/**
 * Reads a picture's file and decodes it: turned upright as its camera says, on white where it is transparent, cut to
 * the middle square.
 *
 * @param options.side a larger picture is made as small as this; it keeps its own side otherwise
 * @throws DataError when the file is missing, is not a picture, or is too large
 */
export async function readPicture(file: string, { side }: { side?: number } = {}): Promise<Picture> {
  const options = { name: file, maxPixels: MAX_PIXELS, next: NEXT };
  return decodePicture(await readBytes(file), side === undefined ? options : { ...options, side });
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
