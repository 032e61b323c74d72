import { checkInteger, checkNumber, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { type Node, scalarLeaf } from '../../graph/node.js';
import * as ops from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';
import { nodeOf } from '../arguments.js';

/* Activations that are composed of others. */

/** Constants of SELU, with which activations keep mean 0 and variance 1 (arXiv:1706.02515, equation 14). */
const ALPHA = 1.6732632423543772;
const SCALE = 1.0507009873554805;

/** y = 1.0507 · elu(x, 1.6733) (arXiv:1706.02515). */
export const selu = (x: Tensor): Tensor => new Tensor(ops.scaleBy(ops.elu(nodeOf('selu', x), ALPHA), SCALE));

/** y = x for x > 0, else alpha · (e^(x / alpha) − 1) (arXiv:1704.07483). @param alpha above 0 */
export function celu(x: Tensor, alpha = 1): Tensor {
  checkAlpha('celu', alpha);
  return new Tensor(ops.scaleBy(ops.elu(ops.scaleBy(nodeOf('celu', x), 1 / alpha)), alpha));
}

export function checkAlpha(owner: string, alpha: unknown): void {
  checkNumber(owner, 'alpha', alpha, { expected: 'a number above 0' });
  if ((alpha as number) > 0) return;
  throw new UsageError({ what: `${owner} got a bad alpha`, expected: 'a number above 0', got: shown(alpha) });
}

/** y = log(1 + e^(beta · x)) / beta, a smooth ReLU; y = x where beta · x exceeds the threshold. @param beta not 0 */
export function softplus(x: Tensor, beta = 1, threshold = 20): Tensor {
  checkSoftplus('softplus', beta, threshold);
  return softplusOf(nodeOf('softplus', x), beta, threshold);
}

export function checkSoftplus(owner: string, beta: unknown, threshold: unknown): void {
  checkNumber(owner, 'beta', beta, { expected: 'a number' });
  checkNumber(owner, 'threshold', threshold, { expected: 'a number' });
  if (beta === 0)
    throw new UsageError({ what: `${owner} got a bad beta`, expected: 'a number other than 0', got: '0' });
}

export function softplusOf(x: Node, beta: number, threshold: number): Tensor {
  // Up to here the two branches are equal to the last digit of float32.
  if (beta === 1 && threshold === 20) return new Tensor(ops.softplus(x));
  const steep = ops.scaleBy(x, beta);
  const smooth = ops.scaleBy(ops.softplus(steep), 1 / beta);
  return new Tensor(ops.where(ops.less(scalarLeaf(threshold, x.dtype), steep), x, smooth));
}

/** y = log(1 / (1 + e^−x)), without overflow. */
export const logsigmoid = (x: Tensor): Tensor =>
  new Tensor(ops.neg(ops.softplus(ops.neg(nodeOf('logsigmoid', x)))));

/** y = x / (1 + |x|). */
export function softsign(x: Tensor): Tensor {
  const node = nodeOf('softsign', x);
  return new Tensor(ops.div(node, ops.affine(ops.abs(node), { scale: 1, shift: 1 })));
}

/**
 * Gated linear unit (arXiv:1612.08083): the first half of an axis times the sigmoid of the second.
 *
 * @example
 * glu(x); // [N, 2 D] → [N, D]
 */
export function glu(x: Tensor, dim = -1): Tensor {
  const node = nodeOf('glu', x);
  checkInteger('glu', 'dim', dim, { least: -node.shape.length, most: node.shape.length - 1 });
  const size = node.shape.at(dim)!;
  if (size === 0 || size % 2 !== 0)
    throw new UsageError({
      what: 'glu cannot halve an axis',
      expected: `an even size of axis ${dim}`,
      got: String(size),
    });
  const [value, gate] = ops.split(node, size / 2, dim);
  return new Tensor(ops.mul(value!, ops.sigmoid(gate!)));
}
