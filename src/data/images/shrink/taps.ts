/** Scaling along one axis: `from` pixels to `to`, of which `count` are kept, starting at `first`. */
export type Line = readonly [from: number, to: number, first: number, count: number];

/** Input pixels and weights of each output pixel along one axis. */
export interface Taps {
  /** Number of weights per output pixel; those beyond the filter are 0. */
  readonly width: number;
  /** Number of weights that may lie within the image: a very small image has fewer pixels than weights. */
  readonly used: number;
  /** Index of the first input pixel of each output pixel. */
  readonly start: Int32Array<ArrayBuffer>;
  /** `width` weights per output pixel, in units of 2^-bits; their sum is 2^bits. */
  readonly weights: Int16Array<ArrayBuffer>;
  readonly bits: number;
}

/** Maximum number of bits of a weight: the sum of 8-bit values times weights must fit in 31 bits. */
const MOST_BITS = 22;
const MOST_WEIGHT = 2 ** 15 - 1;

/**
 * Bilinear weights with antialiasing: when shrinking, the triangle filter is widened by the scale, as in Pillow and
 * torchvision. The weights have as many bits as fit in 16: 14 for a filter of one pixel, more for wider ones, whose
 * weights are smaller. So the rounding of the weights changes a result by far less than half a level.
 *
 * @param multiple `width` is a multiple of this
 */
export function bilinearTaps([from, to, first, count]: Line, multiple: number): Taps {
  const scale = from / to;
  const support = Math.max(1, scale);
  const most = Math.min(from, Math.ceil(2 * support));
  const width = multiple * Math.ceil(most / multiple);
  const start = new Int32Array(count);
  const exact = new Float64Array(count * width);
  for (let i = 0; i < count; i++) {
    const centre = (first + i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(from, low + most, Math.trunc(centre + support + 0.5));
    start[i] = Math.max(0, Math.min(low, from - width));
    const at = i * width + low - start[i]!;
    const part = (k: number) => Math.max(0, 1 - Math.abs((low + k - centre + 0.5) / support));
    let sum = 0;
    for (let k = 0; k < high - low; k++) sum += part(k);
    for (let k = 0; k < high - low; k++) exact[at + k] = part(k) / sum;
  }
  return { width, used: Math.min(width, from), start, ...rounded(exact, width) };
}

/** Rounds the weights of each output pixel to whole numbers of 16 bits with the sum 2^bits. */
function rounded(exact: Float64Array, width: number): Pick<Taps, 'weights' | 'bits'> {
  const largest = exact.reduce((a, b) => Math.max(a, b), 0);
  let bits = MOST_BITS;
  // The rounding errors of all other weights, a half each, may be added to the largest one.
  while (largest * 2 ** bits + width / 2 > MOST_WEIGHT) bits--;
  const weights = Int16Array.from(exact, (weight) => Math.round(weight * 2 ** bits));
  for (let from = 0; from < weights.length; from += width) {
    let rest = 2 ** bits;
    let at = from;
    for (let k = from; k < from + width; k++) {
      rest -= weights[k]!;
      if (weights[k]! > weights[at]!) at = k;
    }
    // The sum is exact, so that a uniform colour does not change.
    weights[at]! += rest;
  }
  return { weights, bits };
}
