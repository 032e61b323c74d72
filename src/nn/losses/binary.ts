import type { Node } from '../../graph/node.js';
import * as ops from '../../ops/index.js';
import type { Tensor } from '../../tensor/tensor.js';
import { Module } from '../module.js';
import {
  checkLoss,
  checkSame,
  inRange,
  knownValues,
  type LossOptions,
  reduce,
  tensorOf,
  weighted,
} from './common.js';

/** Options of {@link BCELoss}. */
export interface BCEOptions extends LossOptions {
  /** Factor on each loss, of a shape that broadcasts to the input's. */
  readonly weight?: Tensor;
}

/** Options of {@link BCEWithLogitsLoss}. */
export interface BCEWithLogitsOptions extends BCEOptions {
  /** Factor on the loss of positive targets, for classes that are rare; it broadcasts to the input's shape. */
  readonly posWeight?: Tensor;
}

const SHARE = { least: 0, most: 1, expected: 'a number from 0 to 1' } as const;

function bce(loss: string, input: Tensor, target: Tensor, { weight, reduction }: BCEOptions): Tensor {
  const [p, given] = [tensorOf(loss, 'input', input), tensorOf(loss, 'target', target)];
  checkSame(loss, p, given);
  const y = inRange(loss, 'target', given, SHARE);
  // Values that the device computes need no check: outside of [0, 1] their loss is NaN.
  if (knownValues(p)) inRange(loss, 'input', p, SHARE);
  const losses = ops.binaryCrossEntropy(p, y);
  return reduce(loss, weighted(loss, losses, weight), reduction);
}

/** −w y log σ(x) − (1 − y) log(1 − σ(x)), without overflow or cancellation. */
function withPosWeight(loss: string, x: Node, y: Node, weight: Tensor): Node {
  const positive = weighted(loss, ops.mul(y, ops.softplus(ops.neg(x))), weight, 'posWeight');
  return ops.add(positive, ops.mul(ops.affine(y, { scale: -1, shift: 1 }), ops.softplus(x)));
}

function withLogits(
  loss: string,
  input: Tensor,
  target: Tensor,
  { weight, posWeight, reduction }: BCEWithLogitsOptions,
): Tensor {
  const [x, given] = [tensorOf(loss, 'input', input), tensorOf(loss, 'target', target)];
  checkSame(loss, x, given);
  const y = inRange(loss, 'target', given, SHARE);
  const losses =
    posWeight === undefined ? ops.binaryCrossEntropyWithLogits(x, y) : withPosWeight(loss, x, y, posWeight);
  return reduce(loss, weighted(loss, losses, weight), reduction);
}

/**
 * −y log p − (1 − y) log(1 − p) for probabilities p and targets y in [0, 1] of the same shape, then reduced. Logarithms are
 * at least −100, as in PyTorch.
 *
 * @throws DataError for a value outside of [0, 1] that is known at once; one that the device computes makes the loss
 *   NaN
 */
export function binaryCrossEntropy(input: Tensor, target: Tensor, options: BCEOptions = {}): Tensor {
  checkLoss('binaryCrossEntropy', options, ['weight']);
  return bce('binaryCrossEntropy', input, target, options);
}

/**
 * Binary cross-entropy of logits, without overflow for logits of any size.
 *
 * @throws DataError for a target outside of [0, 1] that is known at once; one that the device computes makes the loss
 *   NaN
 */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  options: BCEWithLogitsOptions = {},
): Tensor {
  checkLoss('binaryCrossEntropyWithLogits', options, ['weight', 'posWeight']);
  return withLogits('binaryCrossEntropyWithLogits', input, target, options);
}

/** Binary cross-entropy between probabilities and targets in [0, 1]; see {@link binaryCrossEntropy}. */
export class BCELoss extends Module {
  constructor(readonly options: BCEOptions = {}) {
    super();
    checkLoss('BCELoss', options, ['weight']);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return this.scoped(() => bce(this.typeName, input, target, this.options));
  }
}

/** Binary cross-entropy between logits and targets in [0, 1]; see {@link binaryCrossEntropyWithLogits}. */
export class BCEWithLogitsLoss extends Module {
  constructor(readonly options: BCEWithLogitsOptions = {}) {
    super();
    checkLoss('BCEWithLogitsLoss', options, ['weight', 'posWeight']);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return this.scoped(() => withLogits(this.typeName, input, target, this.options));
  }
}
