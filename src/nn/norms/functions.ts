import { checkBooleans, checkNumber, checkOptionNames, shown } from '../../errors/arguments.js';
import { ShapeError, UsageError } from '../../errors/errors.js';
import type { Node } from '../../graph/node.js';
import { isShape, type Shape, sameShape, showShape } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';
import { nodeOf } from '../arguments.js';
import { dropped } from '../sequence/attention.js';

/* Functions of features, whose weights are arguments: tensors of any origin, such as computed ones. */

const optional = (name: string, x: Tensor | null | undefined): Node | undefined =>
  x === undefined || x === null ? undefined : nodeOf(name, x);

/**
 * x Wᵀ + b, as `nn.Linear`: […, inFeatures] → […, outFeatures].
 *
 * @param weight [outFeatures, inFeatures] @param bias [outFeatures]
 */
export const linear = (x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor =>
  new Tensor(ops.linear(nodeOf('linear', x), nodeOf('linear', weight), optional('linear', bias)));

/** Layer normalisation over the last axes, as `nn.LayerNorm`. */
export function layerNorm(
  x: Tensor,
  normalizedShape: number | Shape,
  options: { weight?: Tensor | null; bias?: Tensor | null; eps?: number } = {},
): Tensor {
  const name = 'layerNorm';
  checkOptionNames(name, options, ['weight', 'bias', 'eps']);
  const { weight, bias, eps = 1e-5 } = options;
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
  if (!isShape(shape) || shape.length === 0 || shape.includes(0))
    throw new UsageError({
      what: `${name} got a bad normalizedShape`,
      expected: 'the sizes of the last axes, such as 192 or [16, 16]',
      got: shown(normalizedShape),
    });
  checkNumber(name, 'eps', eps, { least: 0, expected: 'a number of at least 0' });
  const [scale, shift] = [optional(name, weight), optional(name, bias)];
  const wrong = [scale, shift].find((given) => given && !sameShape(given.shape, shape));
  if (wrong)
    throw new ShapeError({
      what: `${name} got a weight or a bias that does not fit`,
      expected: showShape(shape),
      got: showShape(wrong.shape),
    });
  return new Tensor(ops.layerNorm(nodeOf(name, x), shape, scale, shift, eps));
}

/** x divided by its norm along an axis, or by `eps` if the norm is smaller: x / max(‖x‖ₚ, eps). */
export function normalize(x: Tensor, options: { p?: number; dim?: number; eps?: number } = {}): Tensor {
  const name = 'normalize';
  checkOptionNames(name, options, ['p', 'dim', 'eps']);
  const { p = 2, dim = 1, eps = 1e-12 } = options;
  if (typeof p !== 'number' || Number.isNaN(p))
    throw new UsageError({ what: `${name} got a bad p`, expected: 'a number', got: shown(p) });
  checkNumber(name, 'eps', eps, { least: 0, expected: 'a number of at least 0' });
  return new Tensor(ops.normalized(nodeOf(name, x), dim, { p, eps }));
}

/** The cosine of the angle between vectors along an axis: x · y / (max(‖x‖, eps) · max(‖y‖, eps)). The shapes broadcast. */
export function cosineSimilarity(x: Tensor, y: Tensor, options: { dim?: number; eps?: number } = {}): Tensor {
  const name = 'cosineSimilarity';
  checkOptionNames(name, options, ['dim', 'eps']);
  const { dim = 1, eps = 1e-8 } = options;
  checkNumber(name, 'eps', eps, { least: 0, expected: 'a number of at least 0' });
  return new Tensor(ops.cosineSimilarity(nodeOf(name, x), nodeOf(name, y), dim, eps));
}

/** Zeroes each value with probability p, in [0, 1), and scales the others by 1 / (1 − p), as `nn.Dropout` in training. */
export function dropout(x: Tensor, p = 0.5, training = true): Tensor {
  checkNumber('dropout', 'p', p, { least: 0, most: 0.999999, expected: 'a probability in [0, 1)' });
  checkBooleans('dropout', { training });
  const node = nodeOf('dropout', x);
  return training ? new Tensor(dropped(node, p)) : x;
}
