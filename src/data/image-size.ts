import { DataError } from '../errors/errors.js';

/** Pixels that any image may have, however small its file. */
const FREE = 2 ** 20;
/**
 * Maximum number of pixels per byte of a compressed file. PNG, the densest format except for images of one colour, has
 * 8,256.
 */
const PER_BYTE = 10_000;
/** The same for BMP and PNM: a run of a run-length encoded BMP has up to 255 pixels in two bytes. */
export const BITMAP_PER_BYTE = 128;

/**
 * Refuses an image whose header claims more pixels than its file can hold. A decoder would allocate and fill them all
 * before it notices that the data ends.
 *
 * @param name of the image, for messages
 * @param perByte most pixels per byte of the file's format
 * @throws DataError
 */
export function checkClaim(
  name: string,
  width: number,
  height: number,
  bytes: number,
  perByte: number = PER_BYTE,
): void {
  if (width * height <= FREE + perByte * bytes) return;
  throw new DataError({
    what: `${name} is truncated`,
    expected: `a file that holds the ${width} × ${height} pixels that it claims`,
    got: `${bytes} bytes`,
  });
}
