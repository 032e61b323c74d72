/** Many small images arranged in one, for drawing on a canvas. */
export interface Mosaic {
  readonly width: number;
  readonly height: number;
  /** RGBA; gaps are transparent. */
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
}

/**
 * @param tiles bytes of all images, row-major, `channels` bytes per pixel
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

/** Size of a square that holds the values of a layer of units, row by row. */
export function squareOf(units: number): { width: number; height: number } {
  const width = Math.ceil(Math.sqrt(units));
  return { width, height: Math.ceil(units / width) };
}
