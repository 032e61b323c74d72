import { DataError } from '../errors/errors.js';
import { checkClaim } from './image-size.js';

/** A square image, ready for a model's transform. */
export interface Image {
  /** Channels × side × side, red before green before blue. */
  readonly data: Uint8Array;
  readonly side: number;
}

export interface DecodeOptions {
  /** What messages call the image. */
  readonly name: string;
  readonly maxPixels: number;
  /** A larger image is made as small as this; as it is by default. */
  readonly maxSide?: number;
  /**
   * A larger image is made as small as this, bilinear with antialiasing, as the transforms resize. A smaller one
   * stays as it is: those enlarge it in the way that models are trained with.
   */
  readonly side?: number;
  /** What messages advise. */
  readonly next: string;
}

/**
 * Decodes an image: turned upright as its camera says, on white where it is transparent, and cut to the middle
 * square.
 *
 * @throws DataError when it is no image, or too large
 */
export async function decodeImage(
  bytes: Uint8Array,
  { name, maxPixels, maxSide = Number.POSITIVE_INFINITY, side: wanted, next }: DecodeOptions,
): Promise<Image> {
  // Loaded when there is something to decode: it takes longer than all else of the library together.
  const { default: sharp } = await import('sharp');
  try {
    const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
    if (width * height > maxPixels)
      throw new DataError({
        what: `${name} is too large an image`,
        expected: `at most ${maxPixels.toLocaleString('en-US')} pixels`,
        got: `${width} × ${height} pixels`,
        next: 'make it smaller first',
      });
    checkClaim(name, width, height, bytes.length);
    const whole = Math.min(width, height);
    const side = Math.min(whole, wanted ?? maxSide);
    const { data, info } = await sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error' })
      .autoOrient()
      .resize(side, side, {
        fit: 'cover',
        position: 'centre',
        kernel: side === whole ? 'nearest' : wanted === undefined ? 'lanczos3' : 'linear',
      })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { data: planes(data, info.channels), side };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError({
      what: `${name} cannot be read as an image`,
      expected: 'an image, whole',
      got: (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, '; ').trim(),
      next,
      cause: error,
    });
  }
}

/** Pixel after pixel → plane after plane; grey becomes three equal planes. */
function planes(pixels: Uint8Array, channels: number): Uint8Array {
  const count = pixels.length / channels;
  const data = new Uint8Array(3 * count);
  for (let c = 0; c < 3; c++) {
    const from = channels === 3 ? c : 0;
    for (let i = 0; i < count; i++) data[c * count + i] = pixels[i * channels + from]!;
  }
  return data;
}
