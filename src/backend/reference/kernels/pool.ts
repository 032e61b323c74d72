import type { Attrs, Shape, TypedArray } from '../../../graph/types.js';
import type { Kernel } from './kernel.js';

/** Position of a window's largest value in the plane that starts at `at`; the first of several. */
function largestAt(
  x: TypedArray,
  at: number,
  [h, w]: readonly [number, number],
  row: number,
  column: number,
  attrs: Attrs,
): number {
  const [kh, kw] = attrs.kernel as [number, number];
  const [dh, dw] = attrs.dilation as [number, number];
  let found = -1;
  let best = 0;
  for (let i = 0; i < kh; i++) {
    const r = row + i * dh;
    if (r < 0 || r >= h) continue;
    for (let j = 0; j < kw; j++) {
      const c = column + j * dw;
      if (c < 0 || c >= w) continue;
      const v = x[at + r * w + c]!;
      // NaN counts as the largest.
      if (found < 0 || v > best || Number.isNaN(v)) {
        found = r * w + c;
        best = v;
      }
    }
  }
  return found;
}

/** Calls `visit` for each window with its output position, the start of its plane, and the position of its maximum. */
function eachLargest(
  x: TypedArray,
  [n, c, h, w]: Shape,
  out: Shape,
  attrs: Attrs,
  visit: (position: number, plane: number, found: number) => void,
): void {
  const [sh, sw] = attrs.stride as [number, number];
  const [ph, pw] = attrs.padding as [number, number];
  for (let plane = 0, position = 0; plane < n! * c!; plane++)
    for (let i = 0; i < out[2]!; i++)
      for (let j = 0; j < out[3]!; j++, position++)
        visit(position, plane, largestAt(x, plane * h! * w!, [h!, w!], i * sh - ph, j * sw - pw, attrs));
}

const maxPool2d: Kernel = ({ inputs: [x], specs: [spec], output, outputSpec, attrs }) => {
  const area = spec!.shape[2]! * spec!.shape[3]!;
  eachLargest(x!, spec!.shape, outputSpec.shape, attrs, (position, plane, found) => {
    output[position] = found < 0 ? Number.NEGATIVE_INFINITY : x![plane * area + found]!;
  });
};

const maxPool2dGrad: Kernel = ({ inputs: [grad, x], specs: [gradSpec, spec], output, attrs }) => {
  const area = spec!.shape[2]! * spec!.shape[3]!;
  const total = new Float64Array(output.length);
  eachLargest(x!, spec!.shape, gradSpec!.shape, attrs, (position, plane, found) => {
    if (found >= 0) total[plane * area + found]! += grad![position]!;
  });
  output.set(total);
};

/** The cells [start, end) along one axis that an output position averages, and the divisor. */
interface Window {
  readonly start: number;
  readonly end: number;
  readonly divisor: number;
}

/** Windows of average pooling: clipped to the padded image before their cells are counted, as in PyTorch. */
function averaged(
  size: number,
  count: number,
  kernel: number,
  stride: number,
  padding: number,
  countIncludePad: boolean,
): Window[] {
  return Array.from({ length: count }, (_, i) => {
    const low = i * stride - padding;
    const high = Math.min(low + kernel, size + padding);
    const start = Math.max(low, 0);
    const end = Math.min(high, size);
    return { start, end, divisor: countIncludePad ? high - low : end - start };
  });
}

function averagedBoth(image: Shape, out: Shape, attrs: Attrs): [Window[], Window[]] {
  const kernel = attrs.kernel as [number, number];
  const stride = attrs.stride as [number, number];
  const padding = attrs.padding as [number, number];
  const along = (d: 0 | 1) =>
    averaged(image[2 + d]!, out[2 + d]!, kernel[d], stride[d], padding[d], attrs.countIncludePad as boolean);
  return [along(0), along(1)];
}

function adaptiveBoth(image: Shape, out: Shape): [Window[], Window[]] {
  const along = (size: number, count: number) =>
    Array.from({ length: count }, (_, i): Window => {
      const start = Math.floor((i * size) / count);
      const end = Math.ceil(((i + 1) * size) / count);
      return { start, end, divisor: end - start };
    });
  return [along(image[2]!, out[2]!), along(image[3]!, out[3]!)];
}

function average(x: TypedArray, image: Shape, [rows, columns]: [Window[], Window[]], y: TypedArray): void {
  const [n, c, h, w] = image as [number, number, number, number];
  let at = 0;
  for (let plane = 0; plane < n * c; plane++)
    for (const row of rows)
      for (const column of columns) {
        let sum = 0;
        for (let i = row.start; i < row.end; i++)
          for (let j = column.start; j < column.end; j++) sum += x[(plane * h + i) * w + j]!;
        y[at++] = row.start < row.end && column.start < column.end ? sum / (row.divisor * column.divisor) : 0;
      }
}

function averageGrad(
  grad: TypedArray,
  image: Shape,
  [rows, columns]: [Window[], Window[]],
  dx: TypedArray,
): void {
  const [n, c, h, w] = image as [number, number, number, number];
  const total = new Float64Array(dx.length);
  let at = 0;
  for (let plane = 0; plane < n * c; plane++)
    for (const row of rows)
      for (const column of columns) {
        const share = grad[at++]! / (row.divisor * column.divisor);
        for (let i = row.start; i < row.end; i++)
          for (let j = column.start; j < column.end; j++) total[(plane * h + i) * w + j]! += share;
      }
  dx.set(total);
}

const avgPool2d: Kernel = ({ inputs: [x], specs: [spec], output, outputSpec, attrs }) =>
  average(x!, spec!.shape, averagedBoth(spec!.shape, outputSpec.shape, attrs), output);
const avgPool2dGrad: Kernel = ({ inputs: [grad], specs: [spec], output, outputSpec, attrs }) =>
  averageGrad(grad!, outputSpec.shape, averagedBoth(outputSpec.shape, spec!.shape, attrs), output);
const adaptiveAvgPool2d: Kernel = ({ inputs: [x], specs: [spec], output, outputSpec }) =>
  average(x!, spec!.shape, adaptiveBoth(spec!.shape, outputSpec.shape), output);
const adaptiveAvgPool2dGrad: Kernel = ({ inputs: [grad], specs: [spec], output, outputSpec }) =>
  averageGrad(grad!, outputSpec.shape, adaptiveBoth(outputSpec.shape, spec!.shape), output);

export const pool: Readonly<Record<string, Kernel>> = {
  maxPool2d,
  maxPool2dGrad,
  avgPool2d,
  avgPool2dGrad,
  adaptiveAvgPool2d,
  adaptiveAvgPool2dGrad,
};
