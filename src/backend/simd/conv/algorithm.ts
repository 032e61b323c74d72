import { MOST_PLANES, tilingOf } from './winograd.js';
import { PLACES, type Scheme } from './winograd-scheme.js';

type Pair = readonly [number, number];
type Quad = readonly [number, number, number, number];

/** A convolution of images [N, C, H, W] with weights [out, C / groups, kH, kW] into [N, out, H', W']; all row-major. */
export interface Convolution {
  readonly x: Quad;
  readonly w: Quad;
  readonly y: Quad;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
}

/** Its result, or the gradient with respect to its input or its weights. */
export type Direction = 'forward' | 'input' | 'weights';

/**
 * How a convolution is computed: as a matrix product whose operand is packed from the images, or with Winograd's tiles,
 * which take fewer products.
 */
export const ALGORITHMS = ['direct', 'winograd'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** The tiles of a convolution; undefined if it has a stride, a dilation or another kernel. */
export function schemeOf({ x, w, y, stride, dilation, groups }: Convolution): Scheme | undefined {
  const [kernel, planes] = [w[2], [w[1], y[1] / groups]];
  const possible =
    w[3] === kernel &&
    [...stride, ...dilation].every((one) => one === 1) &&
    Math.min(...planes) > 1 &&
    Math.max(...planes) <= MOST_PLANES &&
    Math.min(x[2], x[3], y[2], y[3]) > 1 &&
    x[0] > 0;
  if (!possible) return undefined;
  return kernel === 3 ? { results: 4, kernel } : kernel === 5 ? { results: 2, kernel } : undefined;
}

/** The algorithms that can compute a convolution. */
export const algorithmsFor = (shape: Convolution): readonly Algorithm[] =>
  schemeOf(shape) ? ALGORITHMS : ['direct'];

/**
 * Instructions to transform the numbers of a plane and the products of a plane, for a vector of four tiles, and the weights of
 * four kernels.
 */
const TRANSFORMS = { input: 600, result: 700, weights: 300 };
/** Instructions around a tile of a matrix product, in steps of its sum. */
const CALL_STEPS = 4;

/** Estimated instructions of a convolution in a direction. */
function costOf(shape: Convolution, algorithm: Algorithm, direction: Direction): number {
  const { x, w, y, groups } = shape;
  const [images, , rows, columns] = direction === 'input' ? x : y;
  const [from, to] = direction === 'input' ? [y[1] / groups, w[1]] : [w[1], y[1] / groups];
  const scheme = algorithm === 'winograd' && schemeOf(shape);
  /** Of four results: four multiplications and additions are two instructions. */
  const products = (steps: number): number => 2 * to * (steps + CALL_STEPS);
  if (!scheme) return (groups * images * rows * columns * products(from * w[2] * w[3])) / 4;
  const { input, result, weights } = TRANSFORMS;
  const tiling = tilingOf(scheme, rows, columns);
  const vectors = (images * tiling.rows * tiling.columns) / 4;
  const whole = vectors * (PLACES * products(from) + input * from + result * to);
  return groups * (whole + (weights * from * to) / 4);
}

/** The algorithm that is usually the fastest: by counting instructions. */
export const usualAlgorithm = (shape: Convolution, direction: Direction): Algorithm =>
  algorithmsFor(shape).reduce((a, b) => (costOf(shape, b, direction) < costOf(shape, a, direction) ? b : a));
