import { type Shape, sizeOf } from '../../graph/types.js';
import { broadcastDimensions, type Dimension } from '../plan/broadcast.js';
import type { Cluster } from '../plan/fusion.js';
import type { KernelPool } from './pool.js';
import { sharedDimension } from './reduction.js';

/** Given the addresses of the inputs and then of the output, returns the function that computes. */
export type OnAddresses = (addresses: readonly number[]) => () => void;

/** The kernel of a cluster without a reduction, over these dimensions of its inputs. */
export function elementwiseKernel(
  pool: KernelPool,
  { formula, inputs }: Cluster,
  dimensions: readonly Dimension[],
): OnAddresses {
  const [outermost, ...below] = dimensions;
  // The size of the outermost dimension is an argument, so that one kernel serves all batch sizes.
  const id = pool.kernel({
    formula,
    inputs: inputs.length,
    dimensions: [{ size: 0, steps: outermost!.steps }, ...below],
  });
  const inner = below.reduce((n, dimension) => n * dimension.size, 1);
  return (addresses) => () => pool.run(id, addresses, outermost!.size, inner);
}

/** The kernel of a cluster with a reduction, over row-major inputs of these shapes. */
export function reductionKernel(
  pool: KernelPool,
  { formula, inputs, reduce }: Cluster,
  shapes: readonly Shape[],
): OnAddresses {
  const { op, axes, shape } = reduce!;
  const kept = shape.map((d, i) => (axes.includes(i) ? 1 : d));
  const dimensions = broadcastDimensions([...shapes, kept], shape);
  const shared = sharedDimension({ inputs: inputs.length, dimensions });
  // The size of the shared dimension is an argument, so that one kernel serves all batch sizes.
  const id = pool.reduction({
    fold: op,
    formula,
    inputs: inputs.length,
    dimensions: dimensions.map((dimension) => (dimension === shared ? { ...dimension, size: 0 } : dimension)),
  });
  const total = shared?.size ?? 1;
  // If the innermost dimension is not reduced, several vectors of results are computed at a time.
  const grain = shared && shared === dimensions.at(-1) ? 64 : 1;
  return (addresses) => () => pool.run(id, addresses, total, sizeOf(shape) / total, grain);
}
