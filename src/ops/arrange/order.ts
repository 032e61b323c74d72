import type { Node } from '../../graph/node.js';
import { define, floatOf, type NodeMaker, naming, need, normalizeAxis } from '../operation.js';
import { argmax } from '../reduce.js';
import { neg } from '../unary.js';
import { gather } from './gather.js';
import { narrow } from './slice.js';
import { squeeze, unsqueeze } from './views.js';

/** Values along an axis, and their positions in it (int32). */
export interface Ordered {
  readonly values: Node;
  readonly indices: Node;
}

const argsortOp: NodeMaker<{ axis: number; descending: boolean }> = define<{
  axis: number;
  descending: boolean;
}>({
  name: 'argsort',
  infer: ([x]) => {
    floatOf(x);
    return { shape: x!.shape, dtype: 'int32' };
  },
});

/** Positions along an axis that sort it; equal values keep their order, and NaN is the largest. No gradient. */
export const argsort = (x: Node, axis = -1, descending = false): Node =>
  argsortOp([x], { axis: normalizeAxis('argsort', x, axis), descending });

/** The values of an axis in order, and their positions. */
export function sort(x: Node, axis = -1, descending = false): Ordered {
  const indices = argsort(x, axis, descending);
  return { values: gather(x, axis, indices), indices };
}

/** The k largest (or smallest) values of an axis in order, and their positions. */
export function topk(x: Node, k: number, axis = -1, largest = true): Ordered {
  const at = normalizeAxis('topk', x, axis);
  naming('topk', [x], () =>
    need(
      Number.isInteger(k) && k >= 0 && k <= x.shape[at]!,
      () => `k from 0 to ${x.shape[at]}, the size of axis ${at}`,
      () => String(k),
    ),
  );
  const indices = narrow(argsort(x, at, largest), at, 0, k);
  return { values: gather(x, at, indices), indices };
}

/** Index of the smallest value along an axis, the first of several. No gradient. */
export const argmin = (x: Node, axis = -1): Node => argmax(neg(x), axis);

const extreme =
  (name: string, choose: (x: Node, axis: number) => Node) =>
  (x: Node, axis: number, keepDims = false): Ordered => {
    const at = normalizeAxis(name, x, axis);
    const indices = choose(x, at);
    const apart = unsqueeze(indices, at);
    const values = gather(x, at, apart);
    return keepDims ? { values, indices: apart } : { values: squeeze(values, [at]), indices };
  };
/** The largest value along an axis, and its position; the gradient flows only to that position. */
export const maxWithIndices = extreme('maxWithIndices', argmax);
/** The smallest value along an axis, and its position; the gradient flows only to that position. */
export const minWithIndices = extreme('minWithIndices', argmin);
