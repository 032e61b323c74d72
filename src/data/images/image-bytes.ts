/** The values that are shown black and white. */
export type ImageRange = readonly [black: number, white: number];

/**
 * Numbers as bytes of an image; NaN becomes 0. What is outside of the range becomes black or white.
 *
 * @returns also a description of the values outside of the range, such as "−1 to 1.5, 40 % outside", if there are any
 */
export function imageBytes(
  values: ArrayLike<number>,
  [black, white]: ImageRange = [0, 1],
): { readonly data: Uint8Array; readonly outside?: string } {
  const data = new Uint8ClampedArray(values.length);
  const scale = white === black ? 0 : 255 / (white - black);
  let [least, most, outside] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (let i = 0; i < data.length; i++) {
    const value = values[i]!;
    const level = scale * (value - black);
    // Rounds and limits.
    data[i] = level;
    // A value that rounds to black or white is no loss.
    if (level < -0.5 || level > 255.5) outside++;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const bytes = new Uint8Array(data.buffer);
  if (outside === 0) return { data: bytes };
  const share = Math.max(1, Math.round((100 * outside) / data.length));
  const shown = (value: number): string => String(Number(value.toPrecision(3))).replace('-', '−');
  return { data: bytes, outside: `${shown(least)} to ${shown(most)}, ${share} % outside` };
}

/** The smallest and the largest finite value, as a range for {@link imageBytes}. */
export function wholeRange(values: ArrayLike<number>): ImageRange {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return least > most ? [0, 1] : [least, most];
}
