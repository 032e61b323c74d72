import { checkNumber, shown } from '../../errors/arguments.js';
import { DataError, ShapeError, UsageError } from '../../errors/errors.js';
import { hostLeaf, type Node, scalarLeaf } from '../../graph/node.js';
import { type DType, isFloat, makeArray, sameShape, showShape, sizeOf } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';
import { Module } from '../module.js';
import { checkLoss, knownValues, type LossOptions, reduce, tensorOf } from './common.js';

/** Options of {@link NLLLoss}. */
export interface NLLOptions extends LossOptions {
  /** Factor on the loss of each class, [classes]. The mean divides by the sum of the labels' weights. */
  readonly weight?: Tensor;
  /** Samples with this label are ignored; −100 by default. */
  readonly ignoreIndex?: number;
}

/** Options of {@link CrossEntropyLoss}. */
export interface CrossEntropyOptions extends NLLOptions {
  /** Share of each target that is spread over all classes, in [0, 1]; 0 by default. */
  readonly labelSmoothing?: number;
}

const IGNORED = -100;

function checkOptions(loss: string, options: NLLOptions, others: readonly string[] = []): void {
  checkLoss(loss, options, ['weight', 'ignoreIndex', ...others]);
  const { weight, ignoreIndex = IGNORED } = options;
  if (weight !== undefined) tensorOf(loss, 'weight', weight);
  if (!Number.isInteger(ignoreIndex))
    throw new UsageError({
      what: `${loss} got a bad ignoreIndex`,
      expected: 'an integer',
      got: shown(ignoreIndex),
    });
}

function checkSmoothing(loss: string, { labelSmoothing = 0 }: CrossEntropyOptions): void {
  checkNumber(loss, 'labelSmoothing', labelSmoothing, { least: 0, most: 1, expected: 'a number in [0, 1]' });
}

/**
 * Reshapes a weight [classes] to [1, classes, 1, …], which broadcasts to x of shape [N, classes, …].
 * @throws ShapeError
 */
function perClass(loss: string, weight: Tensor, x: Node): Node {
  const { node } = weight;
  const classes = x.shape[1]!;
  if (!sameShape(node.shape, [classes]))
    throw new ShapeError({
      what: `${loss} got a weight that does not fit its classes`,
      expected: showShape([classes]),
      got: showShape(node.shape),
    });
  return ops.reshape(node, [1, classes, ...x.shape.slice(2).map(() => 1)]);
}

/**
 * The input as [N, classes, …] and the labels as [N, …]; adds the batch dimension if it is missing.
 * @throws ShapeError, UsageError
 */
function batched(loss: string, x: Node, target: Node): { x: Node; labels: Node } {
  const labels = target.dtype === 'uint8' ? ops.cast(target, 'int32') : target;
  if (labels.dtype !== 'int32')
    throw new UsageError({
      what: `${loss} got labels of type ${labels.dtype}`,
      expected: 'labels of type int32',
      got: labels.dtype,
      next: "create them with dtype 'int32'",
    });
  const [classes] = x.shape;
  if (x.shape.length === 0) throw labelsMisfit(loss, x, target, '[…]');
  const alone = x.shape.length === 1;
  const expected = alone ? [] : [x.shape[0]!, ...x.shape.slice(2)];
  if (!sameShape(labels.shape, expected)) throw labelsMisfit(loss, x, target, showShape(expected));
  return alone ? { x: ops.reshape(x, [1, classes!]), labels: ops.reshape(labels, [1]) } : { x, labels };
}

const labelsMisfit = (loss: string, x: Node, target: Node, expected: string): ShapeError =>
  new ShapeError({
    what: `${loss} got labels that do not fit its input ${showShape(x.shape)}`,
    expected: `labels ${expected} of type int32, or probabilities of the input’s shape`,
    got: `${target.dtype} ${showShape(target.shape)}`,
    next: 'classes are dimension 1 of the input, and labels lack it',
  });

/** Known labels are checked at once. @returns whether one of them is ignored; undefined if they are not known */
function searchIgnored(labels: Node, ignoreIndex: number): boolean | undefined {
  const known = knownValues(labels);
  return known && Array.prototype.includes.call(known, ignoreIndex);
}

/** 1 for each label that counts, 0 for one that is ignored. */
const notIgnored = (labels: Node, ignoreIndex: number, dtype: DType): Node =>
  ops.sub(scalarLeaf(1, dtype), ops.equal(ops.cast(labels, dtype), scalarLeaf(ignoreIndex, dtype)));

/** @throws DataError for a known label that is neither a class nor ignored */
function checkLabels(loss: string, labels: Node, classes: number, ignoreIndex: number): void {
  const known = knownValues(labels) ?? [];
  for (let i = 0; i < known.length; i++) {
    const label = known[i]!;
    if ((label >= 0 && label < classes) || label === ignoreIndex) continue;
    throw new DataError({
      what: `${loss}: the label at position ${i} is out of range`,
      expected: `a label from 0 to ${classes - 1}, for ${classes} classes, or ${ignoreIndex} for one that is ignored`,
      got: `${label}`,
      next: 'check the data set’s labels and the model’s number of classes',
    });
  }
}

/**
 * Losses −w_y x_y of log-probabilities x [N, classes, …] and, for their mean, the weights w_y. An ignored label has a loss
 * and a weight of 0; a label out of range that the device computes has a loss of NaN.
 */
function pick(
  loss: string,
  x: Node,
  labels: Node,
  { weight, ignoreIndex = IGNORED, labelSmoothing = 0 }: CrossEntropyOptions,
): { losses: Node; weights: Node } {
  const { shape, dtype } = x;
  const classes = shape[1]!;
  checkLabels(loss, labels, classes, ignoreIndex);
  const known = knownValues(labels) !== undefined;
  const one = scalarLeaf(1, dtype);
  const zero = scalarLeaf(0, dtype);
  const numbers = hostLeaf(
    makeArray(dtype, classes).map((_, i) => i) as never,
    [1, classes, ...shape.slice(2).map(() => 1)],
    dtype,
  );
  const own = ops.cast(labels, dtype);
  const chosen = ops.equal(numbers, ops.reshape(own, [shape[0]!, 1, ...shape.slice(2)]));
  const valid = notIgnored(labels, ignoreIndex, dtype);
  const factor = weight && perClass(loss, weight, x);
  const all = factor ? ops.mul(x, factor) : x;
  let losses = ops.neg(ops.sum(ops.where(chosen, all, zero), [1]));
  if (labelSmoothing > 0) {
    const spread = ops.where(valid, ops.neg(ops.sum(all, [1])), zero);
    losses = ops.add(ops.scaleBy(losses, 1 - labelSmoothing), ops.scaleBy(spread, labelSmoothing / classes));
  }
  // The ignored label may be the number of a class.
  losses = ops.where(valid, losses, zero);
  if (!known) {
    const inside = ops.equal(own, ops.clamp(own, { min: 0, max: classes - 1 }));
    const fits = ops.add(inside, ops.sub(one, valid));
    losses = ops.where(fits, losses, scalarLeaf(Number.NaN, dtype));
  }
  const weights = factor ? ops.mul(ops.sum(ops.mul(chosen, factor), [1]), valid) : valid;
  return { losses, weights };
}

function reducePicked(
  { losses, weights }: { losses: Node; weights: Node },
  shape: readonly number[],
  reduction: LossOptions['reduction'] = 'mean',
): Tensor {
  if (reduction === 'none') return new Tensor(ops.reshape(losses, shape));
  const total = ops.sum(losses);
  return new Tensor(reduction === 'sum' ? total : ops.div(total, ops.sum(weights)));
}

function nll(loss: string, input: Tensor, target: Tensor, options: NLLOptions): Tensor {
  const labelNode = tensorOf(loss, 'target', target);
  const { x, labels } = batched(loss, tensorOf(loss, 'input', input), labelNode);
  return reducePicked(pick(loss, x, labels, options), labelNode.shape, options.reduction);
}

function crossEntropyOf(loss: string, input: Tensor, target: Tensor, options: CrossEntropyOptions): Tensor {
  const [given, wanted] = [tensorOf(loss, 'input', input), tensorOf(loss, 'target', target)];
  if (isFloat(wanted.dtype)) return soft(loss, given, wanted, options);
  const { x, labels } = batched(loss, given, wanted);
  const { weight, ignoreIndex = IGNORED, labelSmoothing = 0, reduction } = options;
  const ignored = searchIgnored(labels, ignoreIndex);
  if (weight || ignored) {
    const picked = pick(loss, ops.logSoftmax(x, 1), labels, options);
    return reducePicked(picked, wanted.shape, reduction);
  }
  if (ignored === undefined && sizeOf(labels.shape) > 0) {
    const valid = notIgnored(labels, ignoreIndex, x.dtype);
    const safe = ops.where(valid, labels, scalarLeaf(0, 'int32'));
    const losses = ops.where(valid, perLabel(x, safe, labelSmoothing), scalarLeaf(0, x.dtype));
    return reducePicked({ losses, weights: valid }, wanted.shape, reduction);
  }
  return reduce(loss, ops.reshape(perLabel(x, labels, labelSmoothing), wanted.shape), reduction);
}

/** Cross-entropy of each label, none of which is ignored, in the labels' shape. */
function perLabel(x: Node, labels: Node, labelSmoothing: number): Node {
  if (x.shape.length === 2) return ops.crossEntropy(x, labels, labelSmoothing);
  const last = x.shape.map((_, i) => i).filter((i) => i !== 1);
  const rows = ops.reshape(ops.permute(x, [...last, 1]), [-1, x.shape[1]!]);
  return ops.reshape(ops.crossEntropy(rows, ops.reshape(labels, [-1]), labelSmoothing), labels.shape);
}

/** Targets are probabilities of the classes. */
function soft(
  loss: string,
  given: Node,
  target: Node,
  { weight, labelSmoothing = 0, reduction = 'mean' }: CrossEntropyOptions,
): Tensor {
  if (!sameShape(given.shape, target.shape) || given.shape.length === 0)
    throw labelsMisfit(
      loss,
      given,
      target,
      showShape(given.shape.length < 2 ? [] : [given.shape[0]!, ...given.shape.slice(2)]),
    );
  const known = knownValues(target);
  const bad = known?.findIndex((value) => !(value >= 0 && value <= 1)) ?? -1;
  if (bad >= 0)
    throw new DataError({
      what: `${loss} got a bad target at position ${bad}`,
      expected: 'a probability from 0 to 1, or labels of type int32',
      got: String(known![bad]),
    });
  const alone = given.shape.length === 1;
  const [x, q] = alone ? [given, target].map((node) => ops.reshape(node, [1, -1])) : [given, target];
  const classes = x!.shape[1]!;
  const smooth =
    labelSmoothing === 0
      ? q!
      : ops.affine(q!, { scale: 1 - labelSmoothing, shift: labelSmoothing / classes });
  const logs = ops.logSoftmax(x!, 1);
  const all = weight ? ops.mul(logs, perClass(loss, weight, logs)) : logs;
  const losses = ops.neg(ops.sum(ops.mul(smooth, all), [1]));
  return reduce(loss, alone ? ops.reshape(losses, []) : losses, reduction);
}

/**
 * Negative log-likelihood of labels: −weight_y · input_y, then reduced.
 *
 * @param input log-probabilities [N, classes], [N, classes, d₁, …] or [classes]
 * @param target int32 labels without the dimension of the classes
 * @throws DataError for a known label that is neither a class nor ignored
 */
export function nllLoss(input: Tensor, target: Tensor, options: NLLOptions = {}): Tensor {
  checkOptions('nllLoss', options);
  return nll('nllLoss', input, target, options);
}

/**
 * Cross-entropy between logits and targets, then reduced; stable for logits of any size.
 *
 * @param input logits [N, classes], [N, classes, d₁, …] or [classes]
 * @param target int32 labels without the dimension of the classes, or probabilities of the input's shape
 * @throws DataError for a label that is neither a class nor ignored
 */
export function crossEntropy(input: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkOptions('crossEntropy', options, ['labelSmoothing']);
  checkSmoothing('crossEntropy', options);
  return crossEntropyOf('crossEntropy', input, target, options);
}

/** Negative log-likelihood of labels, given log-probabilities; see {@link nllLoss}. */
export class NLLLoss extends Module {
  constructor(readonly options: NLLOptions = {}) {
    super();
    checkOptions('NLLLoss', options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return this.scoped(() => nll(this.typeName, input, target, this.options));
  }
}

/**
 * Cross-entropy between logits [N, classes, …] and int32 labels [N, …], or probabilities of the logits' shape; see
 * {@link crossEntropy}.
 *
 * @throws UsageError if an option is not valid
 * @example
 * const loss = new CrossEntropyLoss().forward(model.forward(images), labels);
 * loss.backward();
 */
export class CrossEntropyLoss extends Module {
  readonly labelSmoothing: number;

  constructor(readonly options: CrossEntropyOptions = {}) {
    super();
    checkOptions('CrossEntropyLoss', options, ['labelSmoothing']);
    checkSmoothing('CrossEntropyLoss', options);
    this.labelSmoothing = options.labelSmoothing ?? 0;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return this.scoped(() => crossEntropyOf(this.typeName, input, target, this.options));
  }
}
