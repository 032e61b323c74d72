import { checkBooleans, checkNumber, shown } from '../../errors/arguments.js';
import { DataError, ShapeError, UsageError } from '../../errors/errors.js';
import { type Node, scalarLeaf } from '../../graph/node.js';
import { showShape } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import type { Tensor } from '../../tensor/tensor.js';
import { Module } from '../module.js';
import { checkLoss, checkSame, knownValues, type LossOptions, reduce, tensorOf } from './common.js';

/* Losses of distances and ranks with a margin. */

/** Options of {@link MarginRankingLoss} and {@link HingeEmbeddingLoss}. */
export interface MarginOptions extends LossOptions {
  readonly margin?: number;
}

/** Options of {@link TripletMarginLoss}, with PyTorch's defaults. */
export interface TripletMarginOptions extends LossOptions {
  /** 1 by default. */
  readonly margin?: number;
  /** Norm of the distances; 2 by default. */
  readonly p?: number;
  /** Added to the differences; 1e-6 by default. */
  readonly eps?: number;
  /** Whether the distance of positive and negative counts if it is the smaller one. */
  readonly swap?: boolean;
}

function checkMargin(loss: string, options: MarginOptions): void {
  checkLoss(loss, options, ['margin']);
  const { margin = 0 } = options;
  checkNumber(loss, 'margin', margin, { expected: 'a number' });
}

function checkTriplet(loss: string, options: TripletMarginOptions): void {
  checkLoss(loss, options, ['margin', 'p', 'eps', 'swap']);
  const { margin = 1, p = 2, eps = 1e-6, swap = false } = options;
  checkNumber(loss, 'margin', margin, { expected: 'a number' });
  if (typeof p !== 'number' || !(p > 0))
    throw new UsageError({ what: `${loss} got a bad p`, expected: 'a number above 0', got: shown(p) });
  checkNumber(loss, 'eps', eps, { least: 0, expected: 'a number of at least 0' });
  checkBooleans(loss, { swap });
}

/**
 * Targets 1 and −1 of the type of x.
 * @throws DataError for another one that is known at once
 */
function signs(loss: string, x: Node, target: Tensor): Node {
  const given = tensorOf(loss, 'target', target);
  checkSame(loss, x, given);
  const known = knownValues(given);
  const bad = known?.findIndex((value) => value !== 1 && value !== -1) ?? -1;
  if (bad >= 0)
    throw new DataError({
      what: `${loss} got a bad target at position ${bad}`,
      expected: '1 or −1',
      got: String(known![bad]),
    });
  const y = ops.cast(given, x.dtype);
  if (known) return y;
  // A target that the device computes makes the loss NaN if it is neither 1 nor −1.
  const nan = scalarLeaf(Number.NaN, x.dtype);
  return ops.where(ops.equal(ops.abs(y), scalarLeaf(1, x.dtype)), y, nan);
}

function ranking(
  loss: string,
  [first, second, target]: readonly [Tensor, Tensor, Tensor],
  { margin = 0, reduction }: MarginOptions,
): Tensor {
  const [a, b] = [tensorOf(loss, 'first input', first), tensorOf(loss, 'second input', second)];
  checkSame(loss, a, b, 'two inputs');
  const y = signs(loss, a, target);
  const losses = ops.relu(ops.affine(ops.mul(y, ops.sub(b, a)), { scale: 1, shift: margin }));
  return reduce(loss, losses, reduction);
}

function hinge(
  loss: string,
  input: Tensor,
  target: Tensor,
  { margin = 1, reduction }: MarginOptions,
): Tensor {
  const x = tensorOf(loss, 'input', input);
  const y = signs(loss, x, target);
  const far = ops.relu(ops.affine(x, { scale: -1, shift: margin }));
  const positive = ops.equal(y, scalarLeaf(1, x.dtype));
  // 0 · y is NaN for a target that is not valid.
  const losses = ops.add(ops.where(positive, x, far), ops.scaleBy(y, 0));
  return reduce(loss, losses, reduction);
}

function triplet(
  loss: string,
  [anchor, positive, negative]: readonly [Tensor, Tensor, Tensor],
  { margin = 1, p = 2, eps = 1e-6, swap = false, reduction }: TripletMarginOptions,
): Tensor {
  const [a, b, c] = [
    tensorOf(loss, 'anchor', anchor),
    tensorOf(loss, 'positive', positive),
    tensorOf(loss, 'negative', negative),
  ];
  checkSame(loss, a, b, 'anchor and positive');
  checkSame(loss, a, c, 'anchor and negative');
  if (a.shape.length === 0)
    throw new ShapeError({
      what: `${loss} compares vectors`,
      expected: 'inputs [N, D] or [D]',
      got: showShape(a.shape),
    });
  const distance = (u: Node, v: Node): Node =>
    ops.norm(ops.affine(ops.sub(u, v), { scale: 1, shift: eps }), p, [-1]);
  const away = distance(a, c);
  const far = swap ? ops.minimum(away, distance(b, c)) : away;
  const losses = ops.relu(ops.affine(ops.sub(distance(a, b), far), { scale: 1, shift: margin }));
  return reduce(loss, losses, reduction);
}

/**
 * max(0, −y (x₁ − x₂) + margin) for ranks: target 1 if the first input should be larger, −1 if the second; then reduced.
 *
 * @throws DataError for a target other than 1 and −1 that is known at once; one that the device computes makes the loss
 *   NaN
 */
export function marginRankingLoss(
  first: Tensor,
  second: Tensor,
  target: Tensor,
  options: MarginOptions = {},
): Tensor {
  checkMargin('marginRankingLoss', options);
  return ranking('marginRankingLoss', [first, second, target], options);
}

/**
 * x for target 1, max(0, margin − x) for target −1, then reduced; x is a distance. The margin is 1 by default.
 *
 * @throws DataError as {@link marginRankingLoss}
 */
export function hingeEmbeddingLoss(input: Tensor, target: Tensor, options: MarginOptions = {}): Tensor {
  checkMargin('hingeEmbeddingLoss', options);
  return hinge('hingeEmbeddingLoss', input, target, options);
}

/**
 * max(0, ‖anchor − positive‖ − ‖anchor − negative‖ + margin), then reduced (arXiv:1503.03832).
 *
 * @param anchor, positive, negative [N, D] or [D]
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginOptions = {},
): Tensor {
  checkTriplet('tripletMarginLoss', options);
  return triplet('tripletMarginLoss', [anchor, positive, negative], options);
}

/** Whether one of two inputs is larger than the other by a margin; see {@link marginRankingLoss}. */
export class MarginRankingLoss extends Module {
  constructor(readonly options: MarginOptions = {}) {
    super();
    checkMargin('MarginRankingLoss', options);
  }

  forward(first: Tensor, second: Tensor, target: Tensor): Tensor {
    return this.scoped(() => ranking(this.typeName, [first, second, target], this.options));
  }
}

/** Small distances for pairs that belong together, large ones for others; see {@link hingeEmbeddingLoss}. */
export class HingeEmbeddingLoss extends Module {
  constructor(readonly options: MarginOptions = {}) {
    super();
    checkMargin('HingeEmbeddingLoss', options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return this.scoped(() => hinge(this.typeName, input, target, this.options));
  }
}

/** An anchor nearer to the positive than to the negative by a margin; see {@link tripletMarginLoss}. */
export class TripletMarginLoss extends Module {
  constructor(readonly options: TripletMarginOptions = {}) {
    super();
    checkTriplet('TripletMarginLoss', options);
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return this.scoped(() => triplet(this.typeName, [anchor, positive, negative], this.options));
  }
}
