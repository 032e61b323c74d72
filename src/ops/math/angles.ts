import { type Node, scalarLeaf } from '../../graph/node.js';
import { div, maximum, mul } from '../binary.js';
import { sum } from '../reduce.js';
import { norm } from './statistics.js';

/* Directions of vectors, composed of other operations. */

/** x / max(‖x‖ₚ, eps) along an axis. */
export const normalized = (x: Node, axis: number, { p = 2, eps = 1e-12 } = {}): Node =>
  div(x, maximum(norm(x, p, [axis], true), scalarLeaf(eps, x.dtype)));

/** x · y / (max(‖x‖, eps) · max(‖y‖, eps)) along an axis. */
export const cosineSimilarity = (x: Node, y: Node, axis: number, eps = 1e-8): Node =>
  sum(mul(normalized(x, axis, { eps }), normalized(y, axis, { eps })), [axis]);
