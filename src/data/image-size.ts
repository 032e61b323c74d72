import { DataError } from '../errors/errors.js';

/** What every image may have. */
const FREE = 2 ** 20;
/** Pixels that a byte of a file can hold; PNG, the densest format but for images of one colour, reaches 8,256. */
const PER_BYTE = 10_000;

/**
 * Refuses an image whose header claims a size that its bytes cannot fill: decoders would work through all of it
 * before they notice.
 *
 * @param name what messages call the image
 * @throws DataError
 */
export function checkClaim(name: string, width: number, height: number, bytes: number): void {
  if (width * height <= FREE + PER_BYTE * bytes) return;
  throw new DataError({
    what: `${name} is not whole`,
    expected: `a file that holds the ${width} × ${height} pixels that it claims`,
    got: `${bytes} bytes`,
  });
}
