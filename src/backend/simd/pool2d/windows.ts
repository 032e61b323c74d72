/** The cells of an axis that each window covers: from `start`, every `step`-th one, before `end`. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

/** Windows of max-pooling along an axis, without the cells that lie in the padding. */
export const maxWindows = (
  size: number,
  count: number,
  {
    kernel,
    stride,
    padding,
    dilation,
  }: { kernel: number; stride: number; padding: number; dilation: number },
): Window[] =>
  Array.from({ length: count }, (_, i) => {
    const low = i * stride - padding;
    const start = low < 0 ? low + dilation * Math.ceil(-low / dilation) : low;
    return { start, end: Math.max(start, Math.min(low + dilation * (kernel - 1) + 1, size)) };
  });

/** Integers of a window in a table. */
export const WINDOW_WORDS = 3;

/**
 * Windows as integers: start, end, and how far apart the next four windows of equal size begin, if that is 1 or 2 cells;
 * else 0.
 */
export const windowTable = (windows: readonly Window[]): number[] =>
  windows.flatMap(({ start, end }, i) => {
    const next = windows.slice(i, i + 4);
    const spacing = (next[1]?.start ?? start) - start;
    const alike =
      next.length === 4 &&
      start < end &&
      next.every((one, k) => one.start === start + k * spacing && one.end === end + k * spacing);
    return [start, end, alike && (spacing === 1 || spacing === 2) ? spacing : 0];
  });

/** A window of average pooling; the sum is divided by the product of its row's and its column's divisor. */
export interface Average extends Window {
  readonly divisor: number;
}

/** Windows of average pooling along an axis: clipped to the padded image before their cells are counted, as in PyTorch. */
export const averageWindows = (
  size: number,
  count: number,
  {
    kernel,
    stride,
    padding,
    countIncludePad,
  }: { kernel: number; stride: number; padding: number; countIncludePad: boolean },
): Average[] =>
  Array.from({ length: count }, (_, i) => {
    const low = i * stride - padding;
    const high = Math.min(low + kernel, size + padding);
    const start = Math.max(low, 0);
    const end = Math.max(start, Math.min(high, size));
    // The sum of a window without cells is 0, so any divisor gives 0.
    return { start, end, divisor: Math.max(1, countIncludePad ? high - low : end - start) };
  });

/** Bins of adaptive average pooling along an axis: [⌊i · size / count⌋, ⌈(i + 1) · size / count⌉). */
export const adaptiveWindows = (size: number, count: number): Average[] =>
  Array.from({ length: count }, (_, i) => {
    const start = Math.floor((i * size) / count);
    const end = Math.ceil(((i + 1) * size) / count);
    return { start, end, divisor: Math.max(1, end - start) };
  });
