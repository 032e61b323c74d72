import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import type { Node } from '../graph/node.js';
import { sizeOf } from '../graph/types.js';
import * as ops from '../ops/index.js';
import { Tensor } from '../tensor/tensor.js';

/** Gradients that are bilinear in two smaller tensors. */
const BILINEAR = new Set(['linearGradWeight', 'conv2dGradWeight']);

/**
 * A scalar that is NaN or infinite if the loss or any gradient is: the guard for `Optimizer.step({ guard })`. It is a sum of
 * squares, which stays NaN or infinite once any term is. In float32 it also overflows for norms above about 10¹⁹, where
 * training has diverged anyway.
 *
 * The gradients of large weights are not read again: each element is a scalar product of parts of the output's gradient
 * and of the input, so it is bounded by the product of their norms.
 */
export function finiteGuard(loss: Tensor, grads: readonly Tensor[]): Tensor {
  if (!(loss instanceof Tensor) || !Array.isArray(grads) || !grads.every((grad) => grad instanceof Tensor))
    throw new UsageError({
      what: 'finiteGuard takes a loss and gradients',
      expected: 'a Tensor and a list of tensors, such as parameters.map((p) => p.grad)',
      got: `${shown(loss)} and ${shown(grads)}`,
    });
  const terms = grads.map(({ node }) => bound(node));
  return new Tensor(terms.reduce((sum, term) => ops.add(sum, term), loss.node));
}

function bound(grad: Node): Node {
  const factors = grad.inputs;
  const size = factors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (!BILINEAR.has(grad.op) || size >= sizeOf(grad.shape)) return ops.sumOfSquares(grad);
  return factors.map((factor) => ops.sumOfSquares(factor)).reduce((a, b) => ops.mul(a, b));
}
