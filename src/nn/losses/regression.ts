import { checkBooleans, checkNumber } from '../../errors/arguments.js';
import { ShapeError } from '../../errors/errors.js';
import { type Node, scalarLeaf } from '../../graph/node.js';
import { sameShape, showShape } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import type { Tensor } from '../../tensor/tensor.js';
import { Module } from '../module.js';
import { checkLoss, checkSame, inRange, type LossOptions, reduce, tensorOf } from './common.js';

/** Applies a formula to two tensors of one shape. */
function between(
  loss: string,
  input: Tensor,
  target: Tensor,
  { reduction }: LossOptions,
  formula: (x: Node, y: Node) => Node,
): Tensor {
  const [x, y] = [tensorOf(loss, 'input', input), tensorOf(loss, 'target', target)];
  checkSame(loss, x, y);
  return reduce(loss, formula(x, y), reduction);
}

const squared = (x: Node, y: Node): Node => ops.square(ops.sub(x, y));
const absolute = (x: Node, y: Node): Node => ops.abs(ops.sub(x, y));

/**
 * d² / 2 for |d| ≤ delta, else delta · (|d| − delta / 2). Without |d|, whose second derivative at 0 would be lost; at ±delta
 * it is 0, as in PyTorch.
 */
const huber =
  (delta: number) =>
  (x: Node, y: Node): Node => {
    const apart = ops.sub(x, y);
    const part = ops.hardtanh(apart, -delta, delta);
    return ops.mul(part, ops.sub(apart, ops.scaleBy(part, 0.5)));
  };

/** (input − target)² for each element, then reduced. Both have the same shape. */
export function mseLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkLoss('mseLoss', options);
  return between('mseLoss', input, target, options, squared);
}

/** |input − target| for each element, then reduced. Both have the same shape. */
export function l1Loss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkLoss('l1Loss', options);
  return between('l1Loss', input, target, options, absolute);
}

/** Options of {@link HuberLoss}. */
export interface HuberOptions extends LossOptions {
  /** Differences up to it are squared; 1 by default. */
  readonly delta?: number;
}

function checkHuber(loss: string, options: HuberOptions): number {
  checkLoss(loss, options, ['delta']);
  const { delta = 1 } = options;
  checkNumber(loss, 'delta', delta, { least: Number.MIN_VALUE, expected: 'a number above 0' });
  return delta;
}

/** d² / 2 for a difference of |d| ≤ delta, else delta · (|d| − delta / 2), then reduced. */
export function huberLoss(input: Tensor, target: Tensor, options: HuberOptions = {}): Tensor {
  return between('huberLoss', input, target, options, huber(checkHuber('huberLoss', options)));
}

/** Options of {@link SmoothL1Loss}. */
export interface SmoothL1Options extends LossOptions {
  /** Differences below it are squared; 1 by default, and 0 gives the L1 loss. */
  readonly beta?: number;
}

function smoothL1(loss: string, options: SmoothL1Options): (x: Node, y: Node) => Node {
  checkLoss(loss, options, ['beta']);
  const { beta = 1 } = options;
  checkNumber(loss, 'beta', beta, { least: 0, expected: 'a number of at least 0' });
  return beta === 0 ? absolute : (x, y) => ops.scaleBy(huber(beta)(x, y), 1 / beta);
}

/** d² / (2 beta) for a difference of |d| < beta, else |d| − beta / 2, then reduced. */
export function smoothL1Loss(input: Tensor, target: Tensor, options: SmoothL1Options = {}): Tensor {
  return between('smoothL1Loss', input, target, options, smoothL1('smoothL1Loss', options));
}

/** Options of {@link PoissonNLLLoss}, with PyTorch's defaults. */
export interface PoissonNLLOptions extends LossOptions {
  /** Whether the input is the logarithm of the expected count; true by default. */
  readonly logInput?: boolean;
  /** Adds Stirling's approximation of log(target!) for targets above 1; false by default. */
  readonly full?: boolean;
  /** Added to the input before its logarithm if `logInput` is false; 1e-8 by default. */
  readonly eps?: number;
}

function poisson(loss: string, options: PoissonNLLOptions): (x: Node, y: Node) => Node {
  checkLoss(loss, options, ['logInput', 'full', 'eps']);
  const { logInput = true, full = false, eps = 1e-8 } = options;
  checkBooleans(loss, { logInput, full });
  checkNumber(loss, 'eps', eps, { least: 0, expected: 'a number of at least 0' });
  return (x, target) => {
    const y = inRange(loss, 'target', target, {
      least: 0,
      most: Number.MAX_VALUE,
      expected: 'a count of at least 0',
    });
    const logarithm = logInput ? x : ops.log(ops.affine(x, { scale: 1, shift: eps }));
    const plain = ops.sub(logInput ? ops.exp(x) : x, ops.mul(y, logarithm));
    if (!full) return plain;
    const large = ops.less(scalarLeaf(1, y.dtype), y);
    // The terms of targets up to 1 are not used: these targets are replaced by 1 before the logarithm.
    const safe = ops.where(large, y, scalarLeaf(1, y.dtype));
    const root = ops.scaleBy(ops.log(ops.scaleBy(safe, 2 * Math.PI)), 0.5);
    const stirling = ops.add(ops.sub(ops.mul(safe, ops.log(safe)), safe), root);
    return ops.add(plain, ops.where(large, stirling, scalarLeaf(0, y.dtype)));
  };
}

/**
 * Negative log-likelihood of counts under Poisson distributions: e^input − target · input; with `logInput: false`,
 * input − target · log(input + eps).
 */
export function poissonNllLoss(input: Tensor, target: Tensor, options: PoissonNLLOptions = {}): Tensor {
  return between('poissonNllLoss', input, target, options, poisson('poissonNllLoss', options));
}

/** Options of {@link GaussianNLLLoss}, with PyTorch's defaults. */
export interface GaussianNLLOptions extends LossOptions {
  /** Adds log(2π) / 2; false by default. */
  readonly full?: boolean;
  /** The least variance that is used; 1e-6 by default. */
  readonly eps?: number;
}

function gaussian(
  loss: string,
  { reduction, full = false, eps = 1e-6 }: GaussianNLLOptions,
  input: Tensor,
  target: Tensor,
  variance: Tensor,
): Tensor {
  const [x, y] = [tensorOf(loss, 'input', input), tensorOf(loss, 'target', target)];
  checkSame(loss, x, y);
  const given = inRange(loss, 'variance', ofRows(loss, x, tensorOf(loss, 'variance', variance)), {
    least: 0,
    most: Number.MAX_VALUE,
    expected: 'a variance of at least 0',
  });
  // The gradient ignores the limit, as in PyTorch.
  const limited = ops.clamp(given, { min: eps, max: Number.POSITIVE_INFINITY });
  const v = ops.add(given, ops.detach(ops.sub(limited, given)));
  const terms = ops.add(ops.log(v), ops.div(squared(x, y), v));
  const shift = full ? 0.5 * Math.log(2 * Math.PI) : 0;
  checkSame(loss, x, terms, 'an input and a variance');
  return reduce(loss, ops.affine(terms, { scale: 0.5, shift }), reduction);
}

/** A variance for each row, without the last axis, gets one of size 1, as in PyTorch. @throws ShapeError */
function ofRows(loss: string, x: Node, variance: Node): Node {
  const { shape } = variance;
  if (shape.length > 0 && sameShape(shape, x.shape.slice(0, -1))) return ops.unsqueeze(variance, -1);
  const fits = shape.length === x.shape.length && shape.every((size, i) => size === x.shape[i] || size === 1);
  if (shape.length === 0 || fits) return variance;
  throw new ShapeError({
    what: `${loss} got a variance that does not fit its input`,
    expected: `${showShape(x.shape)}, with 1 for some of the sizes, or ${showShape(x.shape.slice(0, -1))}`,
    got: showShape(shape),
  });
}

function checkGaussian(loss: string, options: GaussianNLLOptions): void {
  checkLoss(loss, options, ['full', 'eps']);
  const { full = false, eps = 1e-6 } = options;
  checkBooleans(loss, { full });
  checkNumber(loss, 'eps', eps, { least: Number.MIN_VALUE, expected: 'a number above 0' });
}

/**
 * Negative log-likelihood under normal distributions: (log v + (input − target)² / v) / 2, with v = max(variance, eps).
 *
 * @param variance of the target's shape, perhaps with 1 for some of its sizes, or one for each row: [N] or [N, 1]
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  options: GaussianNLLOptions = {},
): Tensor {
  checkGaussian('gaussianNllLoss', options);
  return gaussian('gaussianNllLoss', options, input, target, variance);
}

/** (input − target)², reduced. Both have the same shape. */
export class MSELoss extends Module {
  constructor(readonly options: LossOptions = {}) {
    super();
    checkLoss('MSELoss', options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return this.scoped(() => between(this.typeName, input, target, this.options, squared));
  }
}

/** |input − target|, reduced. Both have the same shape. */
export class L1Loss extends Module {
  constructor(readonly options: LossOptions = {}) {
    super();
    checkLoss('L1Loss', options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return this.scoped(() => between(this.typeName, input, target, this.options, absolute));
  }
}

/** d² / 2 for a difference of |d| ≤ delta, else delta · (|d| − delta / 2), reduced (Huber 1964). */
export class HuberLoss extends Module {
  readonly delta: number;

  constructor(readonly options: HuberOptions = {}) {
    super();
    this.delta = checkHuber('HuberLoss', options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return this.scoped(() => between(this.typeName, input, target, this.options, huber(this.delta)));
  }
}

/** d² / (2 beta) for a difference of |d| < beta, else |d| − beta / 2, reduced (Girshick 2015). */
export class SmoothL1Loss extends Module {
  private readonly formula: (x: Node, y: Node) => Node;

  constructor(readonly options: SmoothL1Options = {}) {
    super();
    this.formula = smoothL1('SmoothL1Loss', options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return this.scoped(() => between(this.typeName, input, target, this.options, this.formula));
  }
}

/** Negative log-likelihood of counts under Poisson distributions: e^input − target · input, reduced. */
export class PoissonNLLLoss extends Module {
  private readonly formula: (x: Node, y: Node) => Node;

  constructor(readonly options: PoissonNLLOptions = {}) {
    super();
    this.formula = poisson('PoissonNLLLoss', options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return this.scoped(() => between(this.typeName, input, target, this.options, this.formula));
  }
}

/** Negative log-likelihood under normal distributions: (log v + (input − target)² / v) / 2, with v = max(variance, eps). */
export class GaussianNLLLoss extends Module {
  constructor(readonly options: GaussianNLLOptions = {}) {
    super();
    checkGaussian('GaussianNLLLoss', options);
  }

  forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    return this.scoped(() => gaussian(this.typeName, this.options, input, target, variance));
  }
}
