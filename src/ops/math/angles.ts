import { type Node, scalarLeaf } from '../../graph/node.js';
import { div, maximum, mul } from '../binary.js';
import { broadcast, naming, normalizeAxis } from '../operation.js';
import { sum } from '../reduce.js';
import { broadcastTo, reshape } from '../shape.js';
import { norm } from './statistics.js';

/* Directions of vectors, composed of other operations. */

/** x / max(‖x‖ₚ, eps) along an axis. */
export const normalized = (x: Node, axis: number, { p = 2, eps = 1e-12 } = {}): Node =>
  div(x, maximum(norm(x, p, [axis], true), scalarLeaf(eps, x.dtype)));

/**
 * x · y / (max(‖x‖, eps) · max(‖y‖, eps)) along an axis of the shape to which both broadcast. Only this axis is expanded
 * before the lengths are computed, so that each of n × m pairs does not compute them again.
 */
export function cosineSimilarity(x: Node, y: Node, axis: number, eps = 1e-8): Node {
  const shape = naming('cosineSimilarity', [x, y], () => broadcast(x.shape, y.shape));
  if (shape.length === 0) return cosineSimilarity(reshape(x, [1]), reshape(y, [1]), axis, eps);
  const along = normalizeAxis('cosineSimilarity', x, axis, shape.length);
  const direction = (t: Node): Node => {
    const own = shape.map((_, i) => t.shape[i - shape.length + t.shape.length] ?? 1);
    return normalized(broadcastTo(reshape(t, own), own.with(along, shape[along]!)), along, { eps });
  };
  return sum(mul(direction(x), direction(y)), [along]);
}
