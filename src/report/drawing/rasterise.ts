import sharp from 'sharp';

/** PNG pixels per SVG pixel. */
const SHARPNESS = 2;

/** A figure as PNG on a white background. */
export const pngOf = (svg: string): Promise<Buffer> =>
  sharp(Buffer.from(svg), { density: 72 * SHARPNESS })
    .flatten({ background: '#ffffff' })
    .png()
    .toBuffer();
