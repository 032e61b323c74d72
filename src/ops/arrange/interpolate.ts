import { hostLeaf, type Node } from '../../graph/node.js';
import { makeArray, sizeOf } from '../../graph/types.js';
import { leftProduct } from '../image.js';
import { matmul } from '../matmul.js';
import { floatOf, naming, need } from '../operation.js';
import { indexSelect } from '../select.js';
import { permute, reshape } from '../shape.js';

/** How an axis is resampled: to how many positions, and how far apart those are in the input. */
export interface Resample {
  readonly size: number;
  /** Steps of the input for each step of the result; the quotient of the sizes by default. */
  readonly step?: number;
}

/**
 * The nearest position of the input for each of the result, computed in float32 as in PyTorch. Like PyTorch, an image of
 * twice the size repeats each pixel, whatever the step.
 */
function nearest(from: number, { size, step }: Resample, image: boolean): Int32Array {
  const scale = Math.fround(image && size === 2 * from ? 0.5 : (step ?? from / size));
  return Int32Array.from({ length: size }, (_, i) => Math.min(from - 1, Math.floor(Math.fround(i * scale))));
}

/** Weights of linear interpolation: row-major [size, from]. */
function linearWeights(from: number, { size, step }: Resample, alignCorners: boolean): Float64Array {
  const weights = new Float64Array(size * from);
  const scale = step ?? from / size;
  for (let i = 0; i < size; i++) {
    const corner = size > 1 ? (i * (from - 1)) / (size - 1) : 0;
    const at = alignCorners ? corner : Math.max(0, (i + 0.5) * scale - 0.5);
    const low = Math.min(from - 1, Math.floor(at));
    const share = Math.min(1, at - low);
    weights[i * from + low]! += 1 - share;
    weights[i * from + Math.min(from - 1, low + 1)]! += share;
  }
  return weights;
}

/**
 * Resamples the axes after the first two of [N, C, …]: by the nearest element, or linearly along one or two axes.
 *
 * @param alignCorners whether the first and last elements stay where they are, for `linear`
 */
export function interpolate(
  x: Node,
  sizes: readonly Resample[],
  mode: 'nearest' | 'linear',
  alignCorners = false,
): Node {
  naming('interpolate', [x], () => {
    const most = mode === 'linear' ? 2 : sizes.length;
    need(
      sizes.length >= 1 && sizes.length <= most && x.shape.length === sizes.length + 2,
      () => `an input [N, C, …] with ${Math.min(sizes.length, most)} axes to resample`,
      x.shape,
    );
    need(!x.shape.slice(1).includes(0), 'at least one element in each sample', x.shape);
    for (const { size } of sizes)
      need(Number.isInteger(size) && size >= 1, 'sizes of at least 1', () => String(size));
    if (mode === 'linear') floatOf(x);
  });
  return sizes.reduce((y, to, i) => {
    const axis = i + 2;
    const from = y.shape[axis]!;
    // As in PyTorch, whatever the step.
    if (to.size === from) return y;
    if (mode === 'nearest')
      return indexSelect(y, hostLeaf(nearest(from, to, x.shape.length > 3), [to.size], 'int32'), axis);
    const data = makeArray(x.dtype, to.size * from);
    data.set(linearWeights(from, to, alignCorners));
    return alongAxis(y, axis, hostLeaf(data, [to.size, from], x.dtype));
  }, x);
}

/** Multiplies a matrix [to, from] with an axis. */
export function alongAxis(x: Node, axis: number, matrix: Node): Node {
  const [to, from] = matrix.shape as [number, number];
  const shape = x.shape.map((d, i) => (i === axis ? to : d));
  const outer = sizeOf(x.shape.slice(0, axis));
  if (axis === x.shape.length - 1)
    return reshape(matmul(reshape(x, [outer, from]), matrix, { transposeB: true }), shape);
  return reshape(leftProduct(matrix, reshape(x, [outer, from, sizeOf(x.shape.slice(axis + 1))])), shape);
}

/** Moves channels into space: […, C · r², H, W] → […, C, H · r, W · r] (Shi et al. 2016). */
export function pixelShuffle(x: Node, factor: number): Node {
  const lead = x.shape.slice(0, -3);
  const [c, h, w] = x.shape.slice(-3) as [number, number, number];
  naming('pixelShuffle', [x], () => {
    need(x.shape.length >= 3, 'an input […, C, H, W]', x.shape);
    need(Number.isInteger(factor) && factor >= 1, 'a factor of at least 1', () => String(factor));
    need(
      c % factor ** 2 === 0,
      () => `a number of channels that ${factor ** 2} divides`,
      () => String(c),
    );
  });
  const n = sizeOf(lead);
  const cells = reshape(x, [n, c / factor ** 2, factor, factor, h, w]);
  return reshape(permute(cells, [0, 1, 4, 2, 5, 3]), [...lead, c / factor ** 2, h * factor, w * factor]);
}

/** Moves space into channels, the reverse of {@link pixelShuffle}: […, C, H · r, W · r] → […, C · r², H, W]. */
export function pixelUnshuffle(x: Node, factor: number): Node {
  const lead = x.shape.slice(0, -3);
  const [c, h, w] = x.shape.slice(-3) as [number, number, number];
  naming('pixelUnshuffle', [x], () => {
    need(x.shape.length >= 3, 'an input […, C, H, W]', x.shape);
    need(Number.isInteger(factor) && factor >= 1, 'a factor of at least 1', () => String(factor));
    need(
      h % factor === 0 && w % factor === 0,
      () => `a height and width that ${factor} divides`,
      () => `${h} and ${w}`,
    );
  });
  const [rows, columns] = [h / factor, w / factor];
  const cells = reshape(x, [sizeOf(lead), c, rows, factor, columns, factor]);
  return reshape(permute(cells, [0, 1, 3, 5, 2, 4]), [...lead, c * factor ** 2, rows, columns]);
}
