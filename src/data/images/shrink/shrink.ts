import { PAGE_BYTES } from '../../../webassembly/runtime.js';
import { centred } from '../../transforms/centre.js';
import { columnsOf, shrinkPlain } from './plain.js';
import { type SimdShrink, simdShrink } from './shrink-simd.js';
import { bilinearTaps, type Line, type Taps } from './taps.js';

/** Size of an image in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Input pixels that the SIMD code handles at a time, in both directions. */
const [ROWS, COLUMNS] = [2, 4];
/**
 * Maximum number of pixels in the memory of the SIMD code. WebAssembly memory never shrinks, so larger images are
 * scaled in bands.
 */
const SIMD_PIXELS = 2 ** 22;

/** Scaling of both axes to the centre square, of an image whose shorter side becomes `side`. */
function linesOf({ width, height }: Size, side: number): [down: Line, across: Line] {
  const shorter = Math.min(width, height);
  const [w, h] = [Math.trunc((side * width) / shorter), Math.trunc((side * height) / shorter)];
  return [
    [height, h, centred(h, side), side],
    [width, w, centred(w, side), side],
  ];
}

interface Scaling {
  readonly vertical: Taps;
  readonly horizontal: Taps;
  /** The input columns that are needed: the first one, and how many. */
  readonly first: number;
  readonly columns: number;
}

/** Cache keyed by size: most images of a data set share a few sizes. */
const scalings = new Map<string, Scaling>();
const MOST_SIZES = 64;

/** Weights that scale an image of a size to a square. */
export function scalingOf(size: Size, side: number): Scaling {
  const key = `${size.width} ${size.height} ${side}`;
  const known = scalings.get(key);
  if (known) return known;
  const [down, across] = linesOf(size, side);
  const [vertical, horizontal] = [bilinearTaps(down, ROWS), bilinearTaps(across, COLUMNS)];
  const [first, end] = columnsOf(horizontal);
  const scaling = { vertical, horizontal, first, columns: end - first };
  if (scalings.size >= MOST_SIZES) scalings.clear();
  scalings.set(key, scaling);
  return scaling;
}

const simd = simdShrink();

/** Whether the pixels themselves lie in the memory of the SIMD code. */
const fits = ({ width, height }: Size): boolean => width * height <= SIMD_PIXELS;

const aligned = (address: number): number => 16 * Math.ceil(address / 16);

/**
 * Byte offsets in the memory of the SIMD code. Weights of 0 may stand for a row behind the last one and for pixels behind
 * the end of the line, so both must exist; the line is written and read in steps of 16 bytes.
 *
 * @param pixels in front of everything else
 */
function layout(pixels: number, { vertical, horizontal, columns }: Scaling) {
  const side = horizontal.start.length;
  const line = aligned(4 * pixels + 16);
  const down = aligned(line + 4 * (columns + COLUMNS) + 16);
  const across = aligned(down + vertical.weights.byteLength);
  const starts = aligned(across + aligned(2 * COLUMNS * horizontal.width) + horizontal.weights.byteLength);
  const planes = aligned(starts + 4 * (side + COLUMNS));
  // Rows are written in steps of four pixels, so the last one may end behind its plane.
  const plane = side * side + COLUMNS;
  return { line, down, across, starts, planes, plane, end: planes + 3 * plane };
}

function need({ memory }: SimdShrink, end: number): void {
  const missing = end - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
}

/**
 * Buffer for the pixels of an image that `shrinkToSquare` will scale: 0xXXBBGGRR, the highest byte unused. Valid until
 * the next call.
 */
export function roomForPixels(size: Size, side: number): Int32Array<ArrayBuffer> {
  const { width, height } = size;
  if (!simd || !fits(size)) return new Int32Array(width * height);
  need(simd, layout(width * (height + 1), scalingOf(size, side)).end);
  return new Int32Array(simd.memory.buffer, 0, width * height);
}

/**
 * Scales the shorter side of an image to `side` and crops the centre square, like torchvision's Resize(side) and
 * CenterCrop(side). Values differ from Pillow's by at most one level of 255; they are the same with and without SIMD.
 *
 * @param pixels the buffer returned by `roomForPixels`, filled with the image
 * @param planes receives 3 × side × side bytes: the red, green and blue planes
 */
export function shrinkToSquare(pixels: Int32Array, size: Size, side: number, planes: Uint8Array): void {
  const scaling = scalingOf(size, side);
  // A filter of very many rows, as for squares of a few pixels, has no room in a band.
  if (simd && (fits(size) || scaling.vertical.width * scaling.columns <= SIMD_PIXELS))
    shrinkWithSimd(simd, pixels, size, scaling, planes);
  else shrinkPlain(pixels, size.width, scaling, planes);
}

function shrinkWithSimd(
  code: SimdShrink,
  pixels: Int32Array,
  { width, height }: Size,
  scaling: Scaling,
  planes: Uint8Array,
): void {
  const { vertical, horizontal, first, columns } = scaling;
  const inside = pixels.buffer === code.memory.buffer;
  const rows = inside ? height : Math.min(height, Math.floor(SIMD_PIXELS / columns));
  const at = layout((inside ? width : columns) * (rows + 1), scaling);
  need(code, at.end);
  const { buffer } = code.memory;
  const side = horizontal.start.length;
  new Int16Array(buffer, at.down).set(vertical.weights);
  new Int16Array(buffer, at.across).set(horizontal.weights);
  const starts = new Int32Array(buffer, at.starts, side + COLUMNS);
  starts.fill(at.line);
  for (const [x, start] of horizontal.start.entries()) starts[x] = at.line + 4 * (start - first);
  const count = COLUMNS * Math.ceil(side / COLUMNS);
  const band = inside
    ? undefined
    : new Band(pixels, width, scaling, new Int32Array(buffer, 0, columns * rows));
  const down = vertical.width === 4 ? code.downFour : code.down;
  const across = horizontal.width === 4 ? code.acrossFour : code.across;
  for (let y = 0; y < side; y++) {
    const row = vertical.start[y]!;
    const from = band ? band.hold(row) : 4 * (row * width + first);
    const weights = at.down + 2 * vertical.width * y;
    const stride = 4 * (inside ? width : columns);
    down(from, stride, at.line, 4 * columns, weights, weights + 2 * vertical.width, vertical.bits);
    const to = at.planes + y * side;
    across(at.starts, at.across, to, at.plane, count, 2 * horizontal.width, horizontal.bits);
  }
  for (let colour = 0; colour < 3; colour++)
    planes.set(new Uint8Array(buffer, at.planes + colour * at.plane, side * side), colour * side * side);
}

/** The needed columns of some rows of a large image, in the memory of the SIMD code. */
class Band {
  #from = 0;
  #to = 0;

  constructor(
    readonly pixels: Int32Array,
    readonly width: number,
    readonly scaling: Scaling,
    readonly into: Int32Array,
  ) {}

  /**
   * Copies the input rows of an output row, unless they are in memory already. @returns the address of the first one
   */
  hold(row: number): number {
    const { pixels, width, into } = this;
    const { vertical, first, columns } = this.scaling;
    if (row + vertical.used > this.#to) {
      this.#from = row;
      this.#to = Math.min(row + into.length / columns, pixels.length / width);
      for (let y = row; y < this.#to; y++) {
        const from = y * width + first;
        into.set(pixels.subarray(from, from + columns), (y - row) * columns);
      }
    }
    return 4 * columns * (row - this.#from);
  }
}
