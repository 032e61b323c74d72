import { DataError } from '../errors/errors.js';
import { squareElsewhere } from './images/decode-pool.js';
import type { Image } from './images/square-image.js';

export interface DecodeOptions {
  /** What messages call the image. */
  readonly name: string;
  /** A larger image is refused before it is decoded; 2²⁶ unless given. */
  readonly maxPixels?: number | undefined;
  /** Side of the square; the image's own shorter side unless given. */
  readonly side?: number | undefined;
  /** `exif` (unless given) turns the image upright as its camera says; `stored` does not. */
  readonly orientation?: 'exif' | 'stored' | undefined;
  /** What messages advise. */
  readonly next: string;
}

/**
 * Decodes an image in another thread and cuts the middle square, exactly as a data set of image files does (see
 * `squareOf`).
 *
 * @throws DataError when it is not an image, or too large
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
