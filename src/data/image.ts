import { DataError } from '../errors/errors.js';
import { squareElsewhere } from './images/decode-pool.js';
import type { Image } from './images/square-image.js';

export interface DecodeOptions {
  /** Name of the image, for messages. */
  readonly name: string;
  /** Maximum number of pixels, checked before decoding; default 2²⁶. */
  readonly maxPixels?: number | undefined;
  /** Side of the square in pixels; default: the shorter side of the image. */
  readonly side?: number | undefined;
  /** `exif` (default) rotates the image by its EXIF orientation; `stored` does not. */
  readonly orientation?: 'exif' | 'stored' | undefined;
  /** The advice (`next`) of error messages. */
  readonly next: string;
}

/**
 * Decodes an image in a worker thread and crops the centre square, exactly as a data set of image files does (see
 * `squareOf`).
 *
 * @throws DataError if it is not an image, or too large
 */
export async function decodeImage(
  bytes: Uint8Array,
  { name, next, ...options }: DecodeOptions,
): Promise<Image> {
  try {
    return await squareElsewhere({ bytes, ...options });
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const { what, expected, got } = error;
    throw new DataError({
      what: what.replace(/^the image/, name),
      ...(expected === undefined ? {} : { expected }),
      ...(got === undefined ? {} : { got }),
      next: error.next ?? next,
      cause: error,
    });
  }
}
