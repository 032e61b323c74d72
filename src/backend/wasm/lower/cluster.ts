import { sizeOf } from '../../../graph/types.js';
import { broadcastDimensions } from '../../plan/broadcast.js';
import type { Cluster } from '../../plan/fusion.js';
import { elementwiseKernel, reductionKernel } from '../../simd/cluster.js';
import { canRender } from '../../simd/render.js';
import type { WasmBuilder } from '../builder.js';

/**
 * Lowers a group of elementwise nodes to one vector kernel. Returns false if the formula has an operation that vector
 * code does not support.
 */
export function lowerCluster(b: WasmBuilder, cluster: Cluster): boolean {
  const { nodes, inputs, formula, reduce } = cluster;
  const root = nodes.at(-1)!;
  const { shape } = b.node(root);
  if (!canRender(formula)) return false;
  if (sizeOf(shape) === 0) {
    b.define(root, b.newRegion(root));
    return true;
  }
  const shapes = inputs.map((input) => b.node(input).shape);
  const kernel = reduce
    ? reductionKernel(b.pool, cluster, shapes)
    : elementwiseKernel(b.pool, cluster, broadcastDimensions(shapes, shape));
  const reads = inputs.map((input) => b.regionOf(input));
  const result = reduce ? b.placeApart(root, nodes) : b.placeOver(nodes, inputs);
  b.vectors.emit({ ...b.label(nodes), writes: result.slot !== undefined }, kernel, [...reads, result]);
  b.define(root, result);
  return true;
}
