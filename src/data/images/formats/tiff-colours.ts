import { DataError } from '../../../errors/errors.js';
import { tiffTag } from './tiff-directory.js';

const [COMPRESSION, PHOTOMETRIC, SUBSAMPLING] = [259, 262, 530];
const YCBCR = 6;
/** Compressions by JPEG, whose decoder converts the colours. */
const JPEG = [6, 7];

/**
 * Whether the pixels of a TIFF are luminance and colour differences (TIFF 6.0, section 21) that sharp passes on as if they
 * were red, green and blue.
 *
 * @throws DataError if the colour differences have a lower resolution
 */
export function isYCbCr(bytes: Uint8Array): boolean {
  if (tiffTag(bytes, PHOTOMETRIC)?.[0] !== YCBCR) return false;
  if (JPEG.includes(tiffTag(bytes, COMPRESSION)?.[0] ?? 0)) return false;
  const steps = tiffTag(bytes, SUBSAMPLING, 2) ?? [2, 2];
  if (steps.every((step) => step === 1)) return true;
  throw new DataError({
    what: 'the image cannot be decoded',
    expected: 'a TIFF in RGB, or in YCbCr with all values for each pixel',
    got: `YCbCr whose colours are stored for ${steps.join(' × ')} pixels`,
    next: 'save it in RGB, or as PNG or JPEG',
  });
}

const rounded = (value: number): number => Math.min(255, Math.max(0, Math.round(value)));

/** Converts pixels of three bytes to words 0xBBGGRR, with JPEG's constants, as in Pillow. */
export function fromYCbCr(data: Uint8Array, channels: number, into: Int32Array): void {
  for (let i = 0, at = 0; i < into.length; i++, at += channels) {
    const [y, cb, cr] = [data[at]!, data[at + 1]! - 128, data[at + 2]! - 128];
    const red = rounded(y + 1.402 * cr);
    const green = rounded(y - 0.344136 * cb - 0.714136 * cr);
    const blue = rounded(y + 1.772 * cb);
    into[i] = red | (green << 8) | (blue << 16);
  }
}
