import { type Shape, sizeOf } from '../../graph/types.js';
import { f } from '../../ops/formula.js';
import { broadcastDimensions, type Dimension } from '../plan/broadcast.js';
import type { Cluster } from '../plan/fusion.js';
import { perIndex, type Span, type VectorKernel } from './chain.js';
import type { KernelPool } from './pool.js';
import { sharedDimension } from './reduction.js';
import { costOf } from './render.js';

/**
 * The span of an operand in a `VectorKernel`: its elements for each index of `over`, or 0 if the other dimensions reach
 * beyond them.
 */
function spanOf(operand: number, over: Dimension, others: readonly Dimension[]): Span {
  const step = over.steps[operand]!;
  const last = others.reduce((sum, { size, steps }) => sum + (size - 1) * steps[operand]!, 0);
  return perIndex(last < step ? step : 0);
}

/**
 * The kernel of a cluster without a reduction, over these dimensions of its inputs.
 * @param halves operands of bfloat16, as in `KernelShape`
 */
export function elementwiseKernel(
  pool: KernelPool,
  { formula, inputs }: Cluster,
  dimensions: readonly Dimension[],
  halves: readonly number[] = [],
): VectorKernel {
  const [outermost, ...below] = dimensions as [Dimension, ...Dimension[]];
  // The size of the outermost dimension is an argument, so that one kernel serves all batch sizes.
  const kernel = pool.kernel({
    formula,
    inputs: inputs.length,
    dimensions: [{ size: 0, steps: outermost.steps }, ...below],
    ...(halves.length > 0 ? { halves } : {}),
  });
  const inner = below.reduce((n, dimension) => n * dimension.size, 1);
  const spans = [...inputs.map((_, k) => spanOf(k, outermost, below)), perIndex(inner)];
  return { kernel, total: outermost.size, inner, grain: 1, cost: costOf(formula), spans };
}

/** The kernel of a cluster with a reduction, over row-major inputs of these shapes. */
export function reductionKernel(
  pool: KernelPool,
  { formula, inputs, reduce }: Cluster,
  shapes: readonly Shape[],
): VectorKernel {
  const { op, axes, shape } = reduce!;
  const kept = shape.map((d, i) => (axes.includes(i) ? 1 : d));
  const dimensions = broadcastDimensions([...shapes, kept], shape);
  const shared = sharedDimension({ inputs: inputs.length, dimensions });
  // The size of the shared dimension is an argument, so that one kernel serves all batch sizes.
  const kernel = pool.reduction({
    fold: op,
    formula,
    inputs: inputs.length,
    dimensions: dimensions.map((dimension) => (dimension === shared ? { ...dimension, size: 0 } : dimension)),
  });
  const total = shared?.size ?? 1;
  const others = dimensions.filter((dimension) => dimension !== shared);
  return {
    kernel,
    total,
    inner: sizeOf(shape) / total,
    // If the innermost dimension is not reduced, several vectors of results are computed at a time.
    grain: shared && shared === dimensions.at(-1) ? 64 : 1,
    cost: costOf(formula),
    spans: [...inputs, kept].map((_, k) => (shared ? spanOf(k, shared, others) : perIndex(0))),
  };
}

/** A reduction of all elements in two steps: to `count` partial results, which threads share, and those to one. */
export interface SplitReduction {
  readonly count: number;
  readonly first: VectorKernel;
  readonly second: VectorKernel;
}

/** The work, in elements of an elementwise operation, below which one thread reduces all of them. */
const SPLIT_FROM = 2 ** 15;
/** Partial results: enough for all threads. */
const [FEWEST_PARTS, MOST_PARTS] = [8, 64];

/**
 * A large reduction to a single result, such as the sum of a loss, in two steps; undefined for others. It depends only on
 * shapes, so the result does not depend on the number of threads.
 *
 * @param shapes of the inputs, row-major
 */
export function splitReduction(
  pool: KernelPool,
  cluster: Cluster,
  shapes: readonly Shape[],
): SplitReduction | undefined {
  const { op, axes, shape } = cluster.reduce!;
  const size = sizeOf(shape);
  const isWhole = shape.every((d, i) => d === 1 || axes.includes(i));
  const isFlat = shapes.every((own) => sizeOf(own) === size || sizeOf(own) === 1);
  if (!isWhole || !isFlat || size * costOf(cluster.formula) < SPLIT_FROM) return undefined;
  let count = MOST_PARTS;
  while (size % count !== 0) count--;
  if (count < FEWEST_PARTS) return undefined;
  const parts = [count, size / count];
  const first = { ...cluster, reduce: { op, axes: [1], shape: parts } };
  const second = { nodes: [], inputs: [0], formula: f.input(0), reduce: { op, axes: [0], shape: [count] } };
  return {
    count,
    first: reductionKernel(
      pool,
      first,
      shapes.map((own) => (sizeOf(own) === 1 ? [1, 1] : parts)),
    ),
    second: reductionKernel(pool, second, [[count]]),
  };
}
