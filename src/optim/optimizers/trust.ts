import type { Node } from '../../graph/node.js';
import * as ops from '../../ops/index.js';

/** The L2 norm of a tensor: a scalar. */
export const normOf = (x: Node): Node => ops.sqrt(ops.sumOfSquares(x));

/** `ratio` where both norms are above 0, else 1: a layer of zeros, or one without a gradient, learns at the plain rate. */
export function trustRatio(one: Node, other: Node, ratio: Node, unit: Node): Node {
  return ops.where(ops.minimum(one, other), ratio, unit);
}
