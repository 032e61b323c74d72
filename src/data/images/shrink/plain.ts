import type { Taps } from './taps.js';

/** The sums of `shrink-simd.ts` in JavaScript, for machines where WebAssembly has no SIMD: the same bytes. */
export function shrinkPlain(
  pixels: Int32Array,
  width: number,
  { vertical, horizontal }: { readonly vertical: Taps; readonly horizontal: Taps },
  planes: Uint8Array,
): void {
  const side = horizontal.start.length;
  const line = new Int32Array(width);
  for (let y = 0; y < side; y++) {
    scaleDown(pixels, width, vertical, y, line, columnsOf(horizontal));
    scaleAcross(line, horizontal, planes, y * side);
  }
}

/** The input columns that the result depends on. */
export const columnsOf = ({ start, used }: Taps): readonly [first: number, end: number] => [
  start[0]!,
  start.at(-1)! + used,
];

/** Vertical pass: row `y` of the result, for the input columns between two bounds. */
function scaleDown(
  pixels: Int32Array,
  width: number,
  { width: taps, used, start, weights, bits }: Taps,
  y: number,
  line: Int32Array,
  [first, end]: readonly [number, number],
): void {
  const half = 1 << (bits - 1);
  for (let x = first; x < end; x++) {
    let [red, green, blue] = [half, half, half];
    for (let k = 0, at = start[y]! * width + x; k < used; k++, at += width) {
      const p = pixels[at]!;
      const weight = weights[taps * y + k]!;
      red += Math.imul(p & 255, weight);
      green += Math.imul((p >>> 8) & 255, weight);
      blue += Math.imul((p >>> 16) & 255, weight);
    }
    line[x] = (red >>> bits) | ((green >>> bits) << 8) | ((blue >>> bits) << 16);
  }
}

/** Horizontal pass: a row of the three planes from a row of `scaleDown`. */
function scaleAcross(
  line: Int32Array,
  { width: taps, used, start, weights, bits }: Taps,
  planes: Uint8Array,
  offset: number,
): void {
  const side = start.length;
  const half = 1 << (bits - 1);
  const greens = side * side + offset;
  const blues = side * side + greens;
  for (let x = 0; x < side; x++) {
    let [red, green, blue] = [half, half, half];
    for (let k = 0, at = start[x]!; k < used; k++, at++) {
      const p = line[at]!;
      const weight = weights[taps * x + k]!;
      red += Math.imul(p & 255, weight);
      green += Math.imul((p >>> 8) & 255, weight);
      blue += Math.imul((p >>> 16) & 255, weight);
    }
    planes[offset + x] = red >>> bits;
    planes[greens + x] = green >>> bits;
    planes[blues + x] = blue >>> bits;
  }
}
