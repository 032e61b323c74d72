import { hostLeaf, type Node } from '../graph/node.js';
import { makeArray, sameShape, showShape, sizeOf } from '../graph/types.js';
import type { Pair } from './conv2d.js';
import { matmul } from './matmul.js';
import { define, type NodeMaker, need, needRank } from './operation.js';
import { sum } from './reduce.js';
import { permute, reshape } from './shape.js';
import { cast, roundToByte } from './unary.js';

/**
 * Weights that resample `from` samples to `to` samples with a triangle filter and half-pixel centres; when shrinking,
 * the filter widens with the scale (antialiasing), as in PIL and torchvision. Row-major [to, from].
 */
function resizeWeights(from: number, to: number): Float64Array {
  const weights = new Float64Array(to * from);
  const scale = from / to;
  const support = Math.max(scale, 1);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(from, Math.trunc(centre + support + 0.5));
    let total = 0;
    for (let j = low; j < high; j++) {
      const w = Math.max(0, 1 - Math.abs((j + 0.5 - centre) / support));
      weights[i * from + j] = w;
      total += w;
    }
    for (let j = low; j < high; j++) weights[i * from + j]! /= total;
  }
  return weights;
}

/**
 * The same weights, slightly adjusted so that sums half-way between two bytes round as in PIL. PIL uses fixed-point
 * weights of 22 fractional bits and rounds half up; its quantisation error decides which sums are exact halves. float32
 * cannot represent that error, so it is scaled by 64 here, and exact halves are raised by a relative 2^-21. Both
 * adjustments are too small to change any other sum.
 */
function byteWeights(from: number, to: number): Float64Array {
  return resizeWeights(from, to).map((w) => {
    const error = Math.round(w * 2 ** 22) / 2 ** 22 - w;
    return (w + 64 * error) * (1 + 2 ** -21);
  });
}

/**
 * Bilinear resize with antialiasing, as two matrix products. `asBytes` rounds to integers in 0…255 after each
 * direction, as PIL does for byte images; results differ from PIL's by at most 1.
 * @param x [N, C, H, W], bytes or floats @returns [N, C, height, width] in floating point
 */
export function resize(x: Node, [height, width]: Pair, { asBytes = false } = {}): Node {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const dtype = x.dtype === 'float64' ? 'float64' : 'float32';
  const matrix = (from: number, to: number): Node => {
    const data = makeArray(dtype, to * from);
    data.set(asBytes ? byteWeights(from, to) : resizeWeights(from, to));
    return hostLeaf(data, [to, from], dtype);
  };
  const settle = (y: Node) => (asBytes ? roundToByte(y) : y);
  let y = cast(x, dtype);
  if (width !== w)
    y = reshape(settle(matmul(reshape(y, [n * c * h, w]), matrix(w, width), { transposeB: true })), [
      n,
      c,
      h,
      width,
    ]);
  if (height !== h) y = resizeRows(y, matrix(h, height), settle);
  return y;
}

/** Vertical direction: the matrix multiplies each image from the left. */
function resizeRows(x: Node, matrix: Node, settle: (y: Node) => Node): Node {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const height = matrix.shape[0]!;
  const planes = reshape(x, [n * c, h, w]);
  return reshape(settle(leftProduct(matrix, planes)), [n, c, height, w]);
}

const leftMatmul: NodeMaker = define({
  name: 'leftMatmul',
  infer: ([m, x]) => {
    need(m!.shape[1] === x!.shape[1], () => `${m!.shape[1]} rows`, x!.shape);
    return { shape: [x!.shape[0]!, m!.shape[0]!, x!.shape[2]!], dtype: x!.dtype };
  },
  gradient: (node, grad) => {
    const [m, x] = node.inputs as [Node, Node];
    return [sum(matmul(grad, x, { transposeB: true }), [0]), leftMatmul([permute(m, [1, 0]), grad], {})];
  },
  macs: ([m, x]) => sizeOf(x!.shape) * m!.shape[0]!,
});

/** One matrix [M, K] times each of a batch [B, K, N]. */
export const leftProduct = (matrix: Node, x: Node): Node => leftMatmul([matrix, x], {});

type CropAttrs = { readonly height: number; readonly width: number };
const cropOp: NodeMaker<CropAttrs> = define<CropAttrs>({
  name: 'crop',
  infer: ([x, offsets], { height, width }) => {
    needRank(x!, 4, 'images [N, C, H, W]');
    need(
      offsets!.dtype === 'int32' && sameShape(offsets!.shape, [x!.shape[0]!, 2]),
      () => `int32 offsets [${x!.shape[0]}, 2]`,
      () => `${offsets!.dtype} ${showShape(offsets!.shape)}`,
    );
    return { shape: [x!.shape[0]!, x!.shape[1]!, height, width], dtype: x!.dtype };
  },
  gradient: (node, grad) => {
    const [x, offsets] = node.inputs as [Node, Node];
    const [, , height, width] = x.shape as [number, number, number, number];
    return [cropOp([grad, negated(offsets)], { height, width }), null];
  },
});
const negatedOp: NodeMaker = define({
  name: 'negateOffsets',
  infer: ([x]) => ({ shape: x!.shape, dtype: 'int32' }),
});
const negated = (offsets: Node): Node => negatedOp([offsets], {});

/** Crops a window from each image at its own offset (top, left); pixels outside of the image are 0. */
export const crop = (x: Node, offsets: Node, [height, width]: Pair): Node =>
  cropOp([x, offsets], { height, width });

const flipOp: NodeMaker = define({
  name: 'flip',
  infer: ([x, flags]) => {
    needRank(x!, 4, 'images [N, C, H, W]');
    need(
      flags!.dtype === 'int32' && sameShape(flags!.shape, [x!.shape[0]!]),
      () => `int32 flags [${x!.shape[0]}]`,
      () => `${flags!.dtype} ${showShape(flags!.shape)}`,
    );
    return { shape: x!.shape, dtype: x!.dtype };
  },
  gradient: (node, grad) => [flipOp([grad, node.inputs[1]!], {}), null],
});
/** Flips each image whose flag is not 0 horizontally. */
export const flip = (x: Node, flags: Node): Node => flipOp([x, flags], {});
