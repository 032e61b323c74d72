/** Many small images laid into one: what a canvas draws at once. */
export interface Mosaic {
  readonly width: number;
  readonly height: number;
  /** RGBA; the gaps are transparent. */
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
}

/**
 * @param tiles bytes of all images, row-major, `channels` bytes a pixel
 * @param gap pixels between images
 */
export function mosaic(
  tiles: Uint8Array,
  {
    count,
    width,
    height,
    channels,
    columns,
    gap,
  }: { count: number; width: number; height: number; channels: 1 | 3; columns: number; gap: number },
): Mosaic {
  const rows = Math.ceil(count / columns);
  const wide = columns * width + (columns - 1) * gap;
  const high = rows * height + Math.max(0, rows - 1) * gap;
  const rgba = new Uint8ClampedArray(wide * high * 4);
  for (let tile = 0; tile < count; tile++) {
    const left = (tile % columns) * (width + gap);
    const top = Math.floor(tile / columns) * (height + gap);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const from = ((tile * height + y) * width + x) * channels;
        const to = ((top + y) * wide + left + x) * 4;
        rgba[to] = tiles[from] ?? 0;
        rgba[to + 1] = tiles[channels === 3 ? from + 1 : from] ?? 0;
        rgba[to + 2] = tiles[channels === 3 ? from + 2 : from] ?? 0;
        rgba[to + 3] = 255;
      }
  }
  return { width: wide, height: high, rgba };
}

/** A layer of units has no image: its numbers are laid into a square, row by row. */
export function squareOf(units: number): { width: number; height: number } {
  const width = Math.ceil(Math.sqrt(units));
  return { width, height: Math.ceil(units / width) };
}
