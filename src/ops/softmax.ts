import type { Node } from '../graph/node.js';
import { mul, sub } from './binary.js';
import { define, floatOf, type NodeMaker, normalizeAxis } from './operation.js';
import { sum } from './reduce.js';
import { exp } from './unary.js';

type Axis = { readonly axis: number };

const softmaxOp: NodeMaker<Axis> = define<Axis>({
  name: 'softmax',
  infer: ([x]) => ({ shape: x!.shape, dtype: floatOf(x) }),
  gradient: (node, grad) => {
    const weighted = mul(grad, node);
    return [sub(weighted, mul(node, sum(weighted, [node.attrs.axis as number], true)))];
  },
});
/** y = e^x / Σ e^x along an axis. */
export const softmax = (x: Node, axis = -1): Node =>
  softmaxOp([x], { axis: normalizeAxis('softmax', x, axis) });

const logSoftmaxOp: NodeMaker<Axis> = define<Axis>({
  name: 'logSoftmax',
  infer: ([x]) => ({ shape: x!.shape, dtype: floatOf(x) }),
  gradient: (node, grad) => [sub(grad, mul(exp(node), sum(grad, [node.attrs.axis as number], true)))],
});
/** y = x − log Σ e^x along an axis, numerically stable. */
export const logSoftmax = (x: Node, axis = -1): Node =>
  logSoftmaxOp([x], { axis: normalizeAxis('logSoftmax', x, axis) });
