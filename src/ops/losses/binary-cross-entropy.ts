import type { Node } from '../../graph/node.js';
import { type Spec, sameShape } from '../../graph/types.js';
import { sigmoid } from '../activations.js';
import { div, equal, mul, sub } from '../binary.js';
import { f } from '../formula.js';
import { broadcast, define, floatOf, type NodeMaker, need } from '../operation.js';
import { affine, clamp, log, neg } from '../unary.js';

/** The smallest logarithm that is used, as in PyTorch: a probability of 0 has a finite loss. */
const LEAST = -100;
/** The smallest p (1 − p) by which a gradient is divided, as in PyTorch. */
const NARROW = 1e-12;

const backward: NodeMaker = define({
  name: 'binaryCrossEntropyGrad',
  infer: ([grad, p, y]) => ({ shape: broadcast(grad!.shape, p!.shape), dtype: floatOf(grad, p, y) }),
  formula: ([grad, p, y]) => f.mul(grad!, f.div(f.sub(p!, y!), f.max(f.mul(f.sub(1, p!), p!), NARROW))),
  gradient: (node, h) => {
    const [grad, p, y] = node.inputs as [Node, Node, Node];
    const width = mul(affine(p, { scale: -1, shift: 1 }), p);
    const divisor = clamp(width, { min: NARROW, max: 1 });
    const slope = div(sub(p, y), divisor);
    const moved = mul(slope, mul(affine(p, { scale: -2, shift: 1 }), equal(width, divisor)));
    const each = div(mul(h, grad), divisor);
    return [mul(h, slope), mul(each, affine(moved, { scale: -1, shift: 1 })), neg(each)];
  },
});

const infer = ([x, y]: readonly Spec[]): Spec => {
  need(sameShape(x!.shape, y!.shape), 'predictions and targets of one shape', y!.shape);
  return { shape: x!.shape, dtype: floatOf(x, y) };
};

const apply: NodeMaker = define({
  name: 'binaryCrossEntropy',
  infer,
  formula: ([p, y]) =>
    f.sub(f.mul(f.sub(y!, 1), f.max(f.log1p(f.neg(p!)), LEAST)), f.mul(y!, f.max(f.log(p!), LEAST))),
  gradient: (node, grad) => {
    const [p, y] = node.inputs as [Node, Node];
    const limits = { min: LEAST, max: 0 };
    const slope = sub(clamp(log(affine(p, { scale: -1, shift: 1 })), limits), clamp(log(p), limits));
    return [backward([grad, p, y], {}), mul(grad, slope)];
  },
});

/**
 * −y log p − (1 − y) log(1 − p) with logarithms of at least −100; NaN for p outside of [0, 1]. The gradient divides by
 * p (1 − p), or by 10⁻¹² if that is less.
 */
export const binaryCrossEntropy = (p: Node, y: Node): Node => apply([p, y], {});

const applyToLogits: NodeMaker = define({
  name: 'binaryCrossEntropyWithLogits',
  infer,
  formula: ([x, y]) => {
    const linear = f.add(f.mul(f.sub(1, y!), f.max(x!, 0)), f.mul(y!, f.max(f.neg(x!), 0)));
    return f.add(linear, f.log1p(f.exp(f.neg(f.abs(x!)))));
  },
  gradient: (node, grad) => {
    const [x, y] = node.inputs as [Node, Node];
    return [mul(grad, sub(sigmoid(x), y)), mul(grad, neg(x))];
  },
});

/** −y log σ(x) − (1 − y) log(1 − σ(x)), without overflow or cancellation for logits x of any size. */
export const binaryCrossEntropyWithLogits = (x: Node, y: Node): Node => applyToLogits([x, y], {});
