import { checkOptionNames } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import * as ops from '../ops/index.js';
import { Tensor } from '../tensor/tensor.js';
import { nodeOf } from './arguments.js';
import { Module } from './module.js';

/** How the losses of a batch are reduced to a scalar; `none` returns one loss per sample. */
export type Reduction = 'mean' | 'sum' | 'none';

/**
 * Cross-entropy between logits [N, classes] and int32 labels [N]; a scalar, or [N] without reduction.
 *
 * @throws UsageError if labelSmoothing is outside of [0, 1] or the reduction is unknown
 * @example
 * const loss = new CrossEntropyLoss().forward(model.forward(images), labels);
 * loss.backward();
 */
export class CrossEntropyLoss extends Module {
  readonly labelSmoothing: number;
  readonly reduction: Reduction;

  constructor(options: { labelSmoothing?: number; reduction?: Reduction } = {}) {
    super();
    checkOptionNames('CrossEntropyLoss', options, ['labelSmoothing', 'reduction']);
    const { labelSmoothing = 0, reduction = 'mean' } = options;
    if (typeof labelSmoothing !== 'number' || !(labelSmoothing >= 0 && labelSmoothing <= 1))
      throw new UsageError({
        what: 'CrossEntropyLoss got a bad labelSmoothing',
        expected: 'a number in [0, 1]',
        got: String(labelSmoothing),
      });
    if (!['mean', 'sum', 'none'].includes(reduction))
      throw new UsageError({
        what: 'CrossEntropyLoss got a bad reduction',
        expected: "'mean', 'sum' or 'none'",
        got: String(reduction),
      });
    this.labelSmoothing = labelSmoothing;
    this.reduction = reduction;
  }

  forward(logits: Tensor, labels: Tensor): Tensor {
    return this.scoped(() => {
      const rows = new Tensor(
        ops.crossEntropy(nodeOf(this.typeName, logits), nodeOf(this.typeName, labels), this.labelSmoothing),
      );
      if (this.reduction === 'none') return rows;
      return this.reduction === 'sum' ? rows.sum() : rows.mean();
    });
  }
}
