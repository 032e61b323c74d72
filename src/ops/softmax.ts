import type { Node } from '../graph/node.js';
import { mul, sub } from './binary.js';
import { define, floatOf, type NodeMaker, normalizeAxis } from './operation.js';
import { sum } from './reduce.js';
import { reshape } from './shape.js';
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
/** A scalar has no axis, but 0 and -1 may be given, as in PyTorch. */
function along(op: NodeMaker<Axis>, name: string, x: Node, axis: number): Node {
  const at = normalizeAxis(name, x, axis, Math.max(1, x.shape.length));
  return x.shape.length > 0 ? op([x], { axis: at }) : reshape(op([reshape(x, [1])], { axis: at }), []);
}

/** y = e^x / Σ e^x along an axis. */
export const softmax = (x: Node, axis = -1): Node => along(softmaxOp, 'softmax', x, axis);

const logSoftmaxOp: NodeMaker<Axis> = define<Axis>({
  name: 'logSoftmax',
  infer: ([x]) => ({ shape: x!.shape, dtype: floatOf(x) }),
  gradient: (node, grad) => [sub(grad, mul(exp(node), sum(grad, [node.attrs.axis as number], true)))],
});
/** y = x − log Σ e^x along an axis, numerically stable. */
export const logSoftmax = (x: Node, axis = -1): Node => along(logSoftmaxOp, 'logSoftmax', x, axis);
