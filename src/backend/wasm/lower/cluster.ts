import { sizeOf } from '../../../graph/types.js';
import { broadcastDimensions } from '../../plan/broadcast.js';
import type { Cluster } from '../../plan/fusion.js';
import type { Region } from '../../plan/region.js';
import type { VectorKernel } from '../../simd/chain.js';
import { elementwiseKernel, reductionKernel, splitReduction } from '../../simd/cluster.js';
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
  const reads = inputs.map((input) => b.regionOf(input));
  const result = reduce ? b.placeApart(root, nodes) : b.placeOver(nodes, inputs);
  const emit = (of: readonly number[], kernel: VectorKernel, from: readonly Region[], to: Region): void =>
    b.vectors.emit({ ...b.label(of), writes: to.slot !== undefined }, kernel, [...from, to]);
  const split = reduce && splitReduction(b.pool, cluster, shapes);
  if (split) {
    const partial = b.region(4 * split.count);
    emit(nodes, split.first, reads, partial);
    emit([root], split.second, [partial], result);
  } else {
    const kernel = reduce
      ? reductionKernel(b.pool, cluster, shapes)
      : elementwiseKernel(b.pool, cluster, broadcastDimensions(shapes, shape));
    emit(nodes, kernel, reads, result);
  }
  b.define(root, result);
  return true;
}
