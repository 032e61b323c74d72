import type { LiveEngine } from '../../site/page-types.js';

/** Larger images are drawn in parts: a canvas of more than 16 million pixels stays empty in Safari on telephones. */
const MOST_PIXELS = 2 ** 18;

/**
 * The centre square of an image, scaled as in training: 3 × side × side bytes.
 *
 * @param noImage text of the error for a file that the browser cannot read as an image
 */
export async function squareFrom(
  image: Blob,
  side: number,
  engine: LiveEngine,
  noImage: string,
): Promise<Uint8Array> {
  const bitmap = await createImageBitmap(image, {
    colorSpaceConversion: 'none',
    premultiplyAlpha: 'none',
  }).catch(() => {
    throw new Error(noImage);
  });
  const { width, height } = bitmap;
  const canvas = document.createElement('canvas');
  const rows = Math.max(1, Math.min(height, Math.floor(MOST_PIXELS / width)));
  canvas.width = width;
  canvas.height = rows;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error(noImage);
  const rgba = new Uint8Array(4 * width * height);
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -top);
    rgba.set(context.getImageData(0, 0, width, count).data, 4 * width * top);
  }
  bitmap.close();
  return engine.squareOf(rgba, width, height, side);
}
