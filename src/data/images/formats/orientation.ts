import type { Size } from '../shrink/shrink.js';
import { tiffTag } from './tiff-directory.js';

/** EXIF orientation (tag 0x0112): 1 is upright, 2 to 8 are rotated or mirrored. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

const TAG = 0x0112;
const [SOI, SOS, APP1] = [0xd8, 0xda, 0xe1];
const EXIF = [0x45, 0x78, 0x69, 0x66, 0, 0];

/** Values other than 1 to 8 count as upright, as in Pillow. */
export const asOrientation = (value: number | undefined): Orientation =>
  value !== undefined && Number.isInteger(value) && value >= 1 && value <= 8 ? (value as Orientation) : 1;

/** Orientation in the EXIF block of a JPEG; 1 if it is missing or damaged. */
export function jpegOrientation(bytes: Uint8Array): Orientation {
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) return 1;
    const marker = bytes[at + 1]!;
    if (marker === 0xff || marker === SOI) {
      at += marker === SOI ? 2 : 1;
      continue;
    }
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    if (marker === SOS || length < 2) return 1;
    const block = bytes.subarray(at + 4, at + 2 + length);
    if (marker === APP1 && EXIF.every((byte, i) => block[i] === byte))
      return asOrientation(tiffTag(block.subarray(EXIF.length), TAG)?.[0]);
    at += 2 + length;
  }
  return 1;
}

/** Size of an image after rotation to upright. */
export const uprightSize = ({ width, height }: Size, orientation: Orientation): Size =>
  orientation > 4 ? { width: height, height: width } : { width, height };

/** Rotates and mirrors an image to upright. @param from pixels as stored @param size as stored */
export function turnUpright(from: Int32Array, size: Size, orientation: Orientation, into: Int32Array): void {
  const { width: w, height: h } = size;
  const { width, height } = uprightSize(size, orientation);
  // Offsets in the stored image for one step right and one step down in the upright one.
  const [right, down] = [1, w];
  const [start, across, along] = (
    {
      1: [0, right, down],
      2: [w - 1, -right, down],
      3: [w * h - 1, -right, -down],
      4: [w * (h - 1), right, -down],
      5: [0, down, right],
      6: [w * (h - 1), -down, right],
      7: [w * h - 1, -down, -right],
      8: [w - 1, down, -right],
    } as const
  )[orientation];
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0, at = start + y * along; x < width; x++, at += across) into[to++] = from[at]!;
}
