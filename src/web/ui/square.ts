import type { LiveEngine } from '../../site/page-types.js';

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
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error(noImage);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return engine.squareOf(new Uint8Array(data.buffer), width, height, side);
}
