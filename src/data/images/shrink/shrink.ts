import { centred } from '../../transforms/centre.js';
import { PAGE, simdShrink } from './shrink-simd.js';

/** Size of an image in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Scaling along one axis: `from` pixels to `to`, of which `count` are kept, starting at `first`. */
type Line = readonly [from: number, to: number, first: number, count: number];

/** Input pixels and weights of each output pixel along one axis. */
interface Taps {
  /** Number of input pixels per output pixel. */
  readonly width: number;
  /** Index of the first input pixel of each output pixel. */
  readonly start: Int32Array;
  /** `width` fixed-point weights per output pixel, in units of 2^-bits. */
  readonly weights: Int32Array;
}

/** Bits of the weights, as in Pillow: an 8-bit value times a 22-bit weight has 30 bits. */
const EXACT_BITS = 22;
/** Bits of the weights in SIMD: an 8-bit value times an 8-bit weight fits in 16 bits. */
const SIMD_BITS = 8;
/** Input pixels per output pixel that the SIMD code handles; enough to shrink by up to 1.5. */
const SIMD_TAPS = 3;
/** Maximum memory of the SIMD code: WebAssembly memory cannot shrink, so larger images use JavaScript. */
const SIMD_PIXELS = 2 ** 22;

/**
 * Bilinear weights with antialiasing: when shrinking, the triangle filter is widened by the scale, as in Pillow and
 * torchvision.
 */
function bilinearTaps([from, to, first, count]: Line, width: number, bits: number): Taps {
  const scale = from / to;
  const support = Math.max(1, scale);
  const one = 2 ** bits;
  const [start, weights] = [new Int32Array(count), new Int32Array(count * width)];
  for (let i = 0; i < count; i++) {
    const centre = (first + i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(from, Math.trunc(centre + support + 0.5));
    start[i] = Math.min(low, from - width);
    const at = i * width + low - start[i]!;
    const part = (k: number) => Math.max(0, 1 - Math.abs((low + k - centre + 0.5) / support));
    let sum = 0;
    for (let k = 0; k < high - low; k++) sum += part(k);
    // The rounding error is added to the largest weight, so that the sum is exact and a uniform colour does not change.
    let rest = one;
    let largest = 0;
    for (let k = 0; k < high - low; k++) {
      const weight = Math.round((one * part(k)) / sum);
      weights[at + k] = weight;
      rest -= weight;
      if (weight > weights[at + largest]!) largest = k;
    }
    weights[at + largest]! += rest;
  }
  return { width, start, weights };
}

/** Maximum number of input pixels per output pixel. */
const tapsOf = (from: number, to: number): number => Math.min(from, Math.ceil(2 * Math.max(1, from / to)));

/** Size of the scaled image before cropping: the shorter side is `side`. */
const scaled = ({ width, height }: Size, side: number): [w: number, h: number] => {
  const shorter = Math.min(width, height);
  return [Math.trunc((side * width) / shorter), Math.trunc((side * height) / shorter)];
};

/** Scaling of both axes to the centre square. */
function linesOf(size: Size, side: number): [down: Line, across: Line] {
  const [w, h] = scaled(size, side);
  return [
    [size.height, h, centred(h, side), side],
    [size.width, w, centred(w, side), side],
  ];
}

const simd = simdShrink();

/** Whether the SIMD code can handle this size. */
function suitsSimd(size: Size, side: number): boolean {
  const { width, height } = size;
  const [w, h] = scaled(size, side);
  return (
    simd !== undefined &&
    side % 4 === 0 &&
    Math.min(width, height) >= SIMD_TAPS &&
    width * height <= SIMD_PIXELS &&
    Math.max(tapsOf(width, w), tapsOf(height, h)) <= SIMD_TAPS
  );
}

/** Byte offsets in the memory of the SIMD code, with padding to read 16 bytes past the end. */
function layout({ width, height }: Size, side: number) {
  const line = 4 * width * height + 16;
  const starts = line + 4 * width + 32;
  const weights = starts + 4 * side;
  const planes = weights + 32 * side;
  return { line, starts, weights, planes, end: planes + 3 * side * side };
}

/**
 * Buffer for the pixels of an image that `shrinkToSquare` will scale: 0xXXBBGGRR, the highest byte unused. Valid until
 * the next call.
 */
export function roomForPixels(size: Size, side: number): Int32Array<ArrayBuffer> {
  const count = size.width * size.height;
  if (!simd || !suitsSimd(size, side)) return new Int32Array(count);
  const missing = layout(size, side).end - simd.memory.buffer.byteLength;
  if (missing > 0) simd.memory.grow(Math.ceil(missing / PAGE));
  return new Int32Array(simd.memory.buffer, 0, count);
}

/**
 * Scales the shorter side of an image to `side` and crops the centre square, like torchvision's Resize(side) and
 * CenterCrop(side). Values differ from Pillow's by at most one level of 255, rarely two.
 *
 * @param pixels the buffer returned by `roomForPixels`, filled with the image
 * @param planes receives 3 × side × side bytes: the red, green and blue planes
 */
export function shrinkToSquare(pixels: Int32Array, size: Size, side: number, planes: Uint8Array): void {
  if (simd && pixels.buffer === simd.memory.buffer) {
    shrinkWithSimd(simd, size, side, planes);
    return;
  }
  const [vertical, horizontal] = linesOf(size, side).map((line) =>
    bilinearTaps(line, tapsOf(line[0], line[1]), EXACT_BITS),
  ) as [Taps, Taps];
  const { width } = size;
  const [first, end] = [horizontal.start[0]!, horizontal.start[side - 1]! + horizontal.width];
  const line = new Int32Array(width);
  for (let y = 0; y < side; y++) {
    scaleDown(pixels, width, vertical, y, line, first, end);
    scaleAcross(line, horizontal, planes, y * side, side);
  }
}

interface SimdTaps {
  readonly vertical: Taps;
  /** The first input column that is needed, and the number of bytes of a row from there. */
  readonly first: number;
  readonly bytes: number;
  readonly starts: Int32Array;
  readonly weights: Uint16Array;
}

/** Cache keyed by size: most images of a data set share a few sizes. */
const simdTaps = new Map<string, SimdTaps>();
const MOST_SIZES = 64;

function simdTapsOf(size: Size, side: number): SimdTaps {
  const key = `${size.width} ${size.height} ${side}`;
  const known = simdTaps.get(key);
  if (known) return known;
  const [down, across] = linesOf(size, side);
  const horizontal = bilinearTaps(across, SIMD_TAPS, SIMD_BITS);
  const first = horizontal.start[0]!;
  const { line } = layout(size, side);
  const taps = {
    vertical: bilinearTaps(down, SIMD_TAPS, SIMD_BITS),
    first,
    bytes: 4 * (horizontal.start[side - 1]! + SIMD_TAPS - first),
    starts: horizontal.start.map((start) => line + 4 * (start - first)),
    // Four words per input pixel; the word of its fourth byte is zero.
    weights: Uint16Array.from({ length: 16 * side }, (_, i) =>
      i % 16 < 4 * SIMD_TAPS ? horizontal.weights[SIMD_TAPS * (i >> 4) + ((i >> 2) & 3)]! : 0,
    ),
  };
  if (simdTaps.size >= MOST_SIZES) simdTaps.clear();
  simdTaps.set(key, taps);
  return taps;
}

function shrinkWithSimd(
  { memory, down, across }: NonNullable<typeof simd>,
  size: Size,
  side: number,
  planes: Uint8Array,
): void {
  const at = layout(size, side);
  const { vertical, first, bytes, starts, weights } = simdTapsOf(size, side);
  new Int32Array(memory.buffer, at.starts, side).set(starts);
  new Uint16Array(memory.buffer, at.weights, 16 * side).set(weights);
  for (let y = 0; y < side; y++) {
    const from = 4 * (vertical.start[y]! * size.width + first);
    const k = SIMD_TAPS * y;
    const { weights: w } = vertical;
    down(from, 4 * size.width, at.line, bytes, w[k]!, w[k + 1]!, w[k + 2]!);
    across(at.starts, at.weights, at.planes + y * side, side * side, side);
  }
  planes.set(new Uint8Array(memory.buffer, at.planes, planes.length));
}

/** Vertical pass: row `y` of the result, for the input columns between two bounds. */
function scaleDown(
  pixels: Int32Array,
  width: number,
  { width: taps, start, weights }: Taps,
  y: number,
  line: Int32Array,
  first: number,
  end: number,
): void {
  for (let x = first; x < end; x++) {
    let [red, green, blue] = [HALF, HALF, HALF];
    for (let k = 0, at = start[y]! * width + x; k < taps; k++, at += width) {
      const p = pixels[at]!;
      const weight = weights[taps * y + k]!;
      red += Math.imul(p & 255, weight);
      green += Math.imul((p >>> 8) & 255, weight);
      blue += Math.imul((p >>> 16) & 255, weight);
    }
    line[x] = (red >>> EXACT_BITS) | ((green >>> EXACT_BITS) << 8) | ((blue >>> EXACT_BITS) << 16);
  }
}

/** Horizontal pass: a row of the three planes from a row of `scaleDown`. */
function scaleAcross(
  line: Int32Array,
  { width: taps, start, weights }: Taps,
  planes: Uint8Array,
  offset: number,
  side: number,
): void {
  const greens = side * side + offset;
  const blues = side * side + greens;
  for (let x = 0; x < side; x++) {
    let [red, green, blue] = [HALF, HALF, HALF];
    for (let k = 0, at = start[x]!; k < taps; k++, at++) {
      const p = line[at]!;
      const weight = weights[taps * x + k]!;
      red += Math.imul(p & 255, weight);
      green += Math.imul((p >>> 8) & 255, weight);
      blue += Math.imul((p >>> 16) & 255, weight);
    }
    planes[offset + x] = red >>> EXACT_BITS;
    planes[greens + x] = green >>> EXACT_BITS;
    planes[blues + x] = blue >>> EXACT_BITS;
  }
}

/** One half, for rounding. */
const HALF = 2 ** (EXACT_BITS - 1);
