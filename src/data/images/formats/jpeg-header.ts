/** What a JPEG's frame header says. */
export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  /** Colour components: 1 is grey, 3 colour, 4 CMYK. */
  readonly components: number;
}

/** Start of image, then the first marker. */
const START = [0xff, 0xd8, 0xff] as const;
/** Frame headers, SOF0 to SOF15, without the three markers in between that are no frames: DHT, JPG and DAC. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/**
 * Reads the frame header of a JPEG (ITU-T T.81, B.2.2), which takes microseconds where a decoder that is opened
 * for it takes a quarter of a millisecond.
 *
 * @returns undefined for anything that is no plain JPEG; a decoder then has to say what it is
 */
export function jpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  if (!START.every((byte, i) => bytes[i] === byte)) return undefined;
  const word = (at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
  for (let at = 2; at + 9 < bytes.length; ) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      // A filling byte.
      at++;
      continue;
    }
    if (isFrame(marker)) {
      const [height, width, components] = [word(at + 5), word(at + 7), bytes[at + 9]!];
      return width > 0 && height > 0 ? { width, height, components } : undefined;
    }
    const length = word(at + 2);
    // The scan has begun without a frame, or a length that is none.
    if (marker === 0xda || length < 2) return undefined;
    at += 2 + length;
  }
  return undefined;
}
