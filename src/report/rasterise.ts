import sharp from 'sharp';

/** Pixels of the PNG for each one of the SVG. */
const SHARPNESS = 2;

/** A figure as PNG, on white. */
export const pngOf = (svg: string): Promise<Buffer> =>
  sharp(Buffer.from(svg), { density: 72 * SHARPNESS })
    .flatten({ background: '#ffffff' })
    .png()
    .toBuffer();
