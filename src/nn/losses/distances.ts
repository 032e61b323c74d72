import { checkBooleans, checkNumber } from '../../errors/arguments.js';
import { DataError, ShapeError } from '../../errors/errors.js';
import { type Node, scalarLeaf } from '../../graph/node.js';
import { sameShape, showShape } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';
import { Module } from '../module.js';
import {
  checkLoss,
  checkSame,
  inRange,
  knownValues,
  type LossOptions,
  REDUCTIONS,
  type Reduction,
  reduce,
  tensorOf,
} from './common.js';

/** Options of {@link KLDivLoss}. */
export interface KLDivOptions {
  /** `batchmean` divides the sum by the size of dimension 0: the divergence by its definition. */
  readonly reduction?: Reduction | 'batchmean';
  /** Whether the target holds logarithms too; false by default. */
  readonly logTarget?: boolean;
}

function checkKL(loss: string, options: KLDivOptions): void {
  checkLoss(loss, options, ['logTarget'], [...REDUCTIONS, 'batchmean']);
  const { logTarget = false } = options;
  checkBooleans(loss, { logTarget });
}

function divergence(
  loss: string,
  input: Tensor,
  target: Tensor,
  { reduction = 'mean', logTarget = false }: KLDivOptions,
): Tensor {
  const [x, given] = [tensorOf(loss, 'input', input), tensorOf(loss, 'target', target)];
  checkSame(loss, x, given);
  const losses = logTarget ? ops.mul(ops.exp(given), ops.sub(given, x)) : pointwise(loss, x, given);
  if (reduction !== 'batchmean') return reduce(loss, losses, reduction);
  const [batch] = losses.shape;
  if (batch) return new Tensor(ops.scaleBy(ops.sum(losses), 1 / batch));
  throw new ShapeError({
    what: `${loss} cannot take the mean over a batch`,
    expected: 'an input with a batch in dimension 0',
    got: showShape(losses.shape),
  });
}

/** y (log y − x), and 0 for y = 0. */
function pointwise(loss: string, x: Node, target: Node): Node {
  const y = inRange(loss, 'target', target, {
    least: 0,
    most: Number.MAX_VALUE,
    expected: 'a probability of at least 0',
  });
  // 0 is replaced by 1 before the logarithm, so that the gradient is finite too.
  const safe = ops.where(y, y, scalarLeaf(1, y.dtype));
  return ops.sub(ops.mul(y, ops.log(safe)), ops.mul(y, x));
}

/**
 * Kullback-Leibler divergence: target · (log target − input) for each element, then reduced.
 *
 * @param input log-probabilities
 * @param target probabilities of the same shape, or their logarithms with `logTarget`
 */
export function klDiv(input: Tensor, target: Tensor, options: KLDivOptions = {}): Tensor {
  checkKL('klDiv', options);
  return divergence('klDiv', input, target, options);
}

/** Kullback-Leibler divergence between log-probabilities and a target; see {@link klDiv}. */
export class KLDivLoss extends Module {
  constructor(readonly options: KLDivOptions = {}) {
    super();
    checkKL('KLDivLoss', options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return this.scoped(() => divergence(this.typeName, input, target, this.options));
  }
}

/** Options of {@link CosineEmbeddingLoss}. */
export interface CosineEmbeddingOptions extends LossOptions {
  /** In [−1, 1]; 0 by default. */
  readonly margin?: number;
}

function checkCosine(loss: string, options: CosineEmbeddingOptions): void {
  checkLoss(loss, options, ['margin']);
  const { margin = 0 } = options;
  checkNumber(loss, 'margin', margin, { least: -1, most: 1, expected: 'a number in [−1, 1]' });
}

/** Added to squared lengths, as in PyTorch. */
const EPSILON = 1e-12;

function cosineEmbedding(
  loss: string,
  [first, second, target]: readonly [Tensor, Tensor, Tensor],
  { margin = 0, reduction }: CosineEmbeddingOptions,
): Tensor {
  const [a, b] = [tensorOf(loss, 'first input', first), tensorOf(loss, 'second input', second)];
  const given = tensorOf(loss, 'target', target);
  checkSame(loss, a, b, 'two inputs');
  const expected = a.shape.slice(0, -1);
  if (a.shape.length < 1 || a.shape.length > 2 || !sameShape(given.shape, expected))
    throw new ShapeError({
      what: `${loss} got shapes that do not fit`,
      expected: 'inputs [N, D] and a target [N], or inputs [D] and a target []',
      got: `${showShape(a.shape)} and ${showShape(given.shape)}`,
    });
  const bad = knownValues(given)?.findIndex((value) => value !== 1 && value !== -1) ?? -1;
  if (bad >= 0)
    throw new DataError({
      what: `${loss} got a bad target at position ${bad}`,
      expected: '1 for vectors that belong together, −1 for others',
      got: String(knownValues(given)![bad]),
    });
  const y = ops.cast(given, a.dtype);
  const dot = (u: Node, v: Node): Node => ops.sum(ops.mul(u, v), [-1]);
  const length = (u: Node): Node => ops.affine(dot(u, u), { scale: 1, shift: EPSILON });
  const cosine = ops.div(dot(a, b), ops.sqrt(ops.mul(length(a), length(b))));
  const near = ops.affine(cosine, { scale: -1, shift: 1 });
  const far = ops.relu(ops.affine(cosine, { scale: 1, shift: -margin }));
  const [one, minus] = [scalarLeaf(1, a.dtype), scalarLeaf(-1, a.dtype)];
  const others = ops.where(ops.equal(y, minus), far, scalarLeaf(Number.NaN, a.dtype));
  return reduce(loss, ops.where(ops.equal(y, one), near, others), reduction);
}

/**
 * 1 − cos for vectors that belong together (target 1), max(0, cos − margin) for others (target −1), then reduced.
 *
 * @param first, second [N, D] or [D]
 * @param target [N] or a scalar
 * @throws DataError for a target other than 1 and −1 that is known at once; one that the device computes makes the
 *   loss NaN
 */
export function cosineEmbeddingLoss(
  first: Tensor,
  second: Tensor,
  target: Tensor,
  options: CosineEmbeddingOptions = {},
): Tensor {
  checkCosine('cosineEmbeddingLoss', options);
  return cosineEmbedding('cosineEmbeddingLoss', [first, second, target], options);
}

/** 1 − cos for vectors that belong together, max(0, cos − margin) for others; see {@link cosineEmbeddingLoss}. */
export class CosineEmbeddingLoss extends Module {
  constructor(readonly options: CosineEmbeddingOptions = {}) {
    super();
    checkCosine('CosineEmbeddingLoss', options);
  }

  forward(first: Tensor, second: Tensor, target: Tensor): Tensor {
    return this.scoped(() => cosineEmbedding(this.typeName, [first, second, target], this.options));
  }
}
