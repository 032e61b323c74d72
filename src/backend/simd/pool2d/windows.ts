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

/** Windows as integers: start and end of each. */
export const windowTable = (windows: readonly Window[]): number[] =>
  windows.flatMap(({ start, end }) => [start, end]);

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
    // A window without cells sums to 0, whatever it is divided by.
    return { start, end, divisor: Math.max(1, countIncludePad ? high - low : end - start) };
  });

/** Bins of adaptive average pooling along an axis: [⌊i · size / count⌋, ⌈(i + 1) · size / count⌉). */
export const adaptiveWindows = (size: number, count: number): Average[] =>
  Array.from({ length: count }, (_, i) => {
    const start = Math.floor((i * size) / count);
    const end = Math.ceil(((i + 1) * size) / count);
    return { start, end, divisor: Math.max(1, end - start) };
  });
