import sharp from 'sharp';

/** @param planes channels × height × width bytes, grey or in the order red, green, blue */
export async function encodePng(
  planes: Uint8Array,
  channels: number,
  height: number,
  width: number,
): Promise<Uint8Array> {
  const area = height * width;
  const pixels = new Uint8Array(planes.length);
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < area; i++) pixels[i * channels + c] = planes[c * area + i]!;
  return sharp(pixels, { raw: { width, height, channels: channels === 1 ? 1 : 3 } })
    .png()
    .toBuffer();
}
