import { checkBooleans, checkNumber, checkOptionNames } from '../errors/arguments.js';
import { ShapeError } from '../errors/errors.js';
import { hostLeaf, type Node } from '../graph/node.js';
import { makeArray, showShape, sizeOf } from '../graph/types.js';
import * as ops from '../ops/index.js';
import { Parameter } from '../tensor/parameter.js';
import { deferUpdate, latestNode } from '../tensor/pending.js';
import { currentRows } from '../tensor/random.js';
import { Tensor, tensor } from '../tensor/tensor.js';
import { checkCounts, nodeOf, showBoolean, showFloat } from './arguments.js';
import { zeroWeights } from './init.js';
import { Module } from './module.js';

/**
 * Local response normalisation across `size` neighbouring channels, with PyTorch's definition:
 * y_c = x_c · (k + alpha / size · Σ x_j²)^−beta. [N, C, H, W] → the same shape.
 * The formula of Krizhevsky et al. 2012 (section 3.3) does not divide by the size: its values are `alpha: 5e-4, k: 2`.
 */
export class LocalResponseNorm extends Module {
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;

  constructor(
    readonly size: number,
    options: { alpha?: number; beta?: number; k?: number } = {},
  ) {
    super();
    checkOptionNames('LocalResponseNorm', options, ['alpha', 'beta', 'k']);
    const { alpha = 1e-4, beta = 0.75, k = 1 } = options;
    checkCounts('LocalResponseNorm', { size }, 1);
    for (const [name, value] of Object.entries({ alpha, beta, k }))
      checkNumber('LocalResponseNorm', name, value, { expected: 'a number' });
    this.alpha = alpha;
    this.beta = beta;
    this.k = k;
  }

  forward(x: Tensor): Tensor {
    const { size, alpha, beta, k } = this;
    return this.scoped(
      () => new Tensor(ops.localResponseNorm(nodeOf(this.typeName, x), { size, alpha, beta, k })),
    );
  }

  protected override extraRepr(): string {
    return `${this.size}, alpha=${showFloat(this.alpha)}, beta=${showFloat(this.beta)}, k=${showFloat(this.k)}`;
  }
}

/** Options of {@link BatchNorm1d} and {@link BatchNorm2d}, with PyTorch's defaults. */
export interface BatchNormOptions {
  /** Added to the variance; 1e-5 by default. */
  eps?: number;
  /** Share of a batch's statistics in the running ones; 0.1 by default. */
  momentum?: number;
  /** Whether channels are scaled and shifted by learned values. */
  affine?: boolean;
  /** Whether evaluation uses running statistics; otherwise it uses those of its batch, as training does. */
  trackRunningStats?: boolean;
}

/**
 * Batch normalisation of each channel. In training it uses the mean and the biased variance
 * of the batch, and updates the running statistics: r ← (1 − momentum) · r + momentum · s, where s is the batch's mean or
 * unbiased variance. In evaluation it uses the running statistics.
 *
 * The optimizer's step writes the running statistics in the same run. If no step follows a training forward pass, they are
 * written at the latest when the model leaves training mode, moves, or is saved. A model on the host does not update its
 * running statistics.
 */
abstract class BatchNorm extends Module {
  readonly eps: number;
  readonly momentum: number;
  /** Scale and shift of each channel; null without `affine`. */
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  /** Running statistics; null without `trackRunningStats`. */
  readonly runningMean: Parameter | null;
  readonly runningVar: Parameter | null;
  /** Number of ranks over whose images the statistics of training are taken; see {@link normaliseTogether}. */
  ranks = 1;

  protected static override readonly parameterNames: readonly string[] = [
    'weight',
    'bias',
    'runningMean',
    'runningVar',
  ];

  constructor(
    readonly numFeatures: number,
    options: BatchNormOptions = {},
  ) {
    super();
    const name = this.typeName;
    checkOptionNames(name, options, ['eps', 'momentum', 'affine', 'trackRunningStats']);
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    checkCounts(name, { numFeatures }, 1);
    checkNumber(name, 'eps', eps, { least: 0, expected: 'a number of at least 0' });
    checkNumber(name, 'momentum', momentum, { least: 0, most: 1, expected: 'a number in [0, 1]' });
    this.eps = eps;
    this.momentum = momentum;
    checkBooleans(name, { affine, trackRunningStats });
    const filled = (value: number, trainable = true): Parameter =>
      new Parameter(zeroWeights(name, [numFeatures]).fill(value), [numFeatures], { trainable });
    this.weight = affine ? filled(1) : null;
    this.bias = affine ? filled(0) : null;
    this.runningMean = trackRunningStats ? filled(0, false) : null;
    this.runningVar = trackRunningStats ? filled(1, false) : null;
  }

  /** The input as [N, C] or [N, C, H, W]. @throws ShapeError for another rank */
  protected abstract images(x: Node): Node;

  forward(x: Tensor): Tensor {
    return this.scoped(() => {
      const { eps, runningMean, runningVar } = this;
      const node = nodeOf(this.typeName, x);
      const images = this.images(node);
      if (this.training && this.ranks > 1) return this.together(node);
      const weight = this.weight?.node ?? this.alike(node, 1);
      const bias = this.bias?.node ?? this.alike(node, 0);
      // As in PyTorch, an empty batch has no statistics, and changes none.
      const own = this.training || !runningMean || !runningVar;
      if (own && node.shape[0] !== 0) {
        const y = ops.batchNormTrain(images, weight, bias, eps);
        this.track(images);
        return new Tensor(ops.reshape(y, node.shape));
      }
      const mean = runningMean ? latestNode(runningMean) : this.alike(node, 0);
      const variance = runningVar ? latestNode(runningVar) : this.alike(node, 1);
      const y = ops.batchNorm(images, weight, bias, mean, variance, eps);
      return new Tensor(ops.reshape(y, node.shape));
    });
  }

  /** The same value for each channel. */
  private alike({ dtype }: Node, value: number): Node {
    return hostLeaf(makeArray(dtype, this.numFeatures).fill(value), [this.numFeatures], dtype);
  }

  /** Normalises with the mean and variance of the images of all ranks. */
  private together(x: Node): Tensor {
    const { ranks, eps, numFeatures } = this;
    const rows = currentRows() ?? { count: x.shape[0]!, total: x.shape[0]! * ranks };
    // A rank without images computes with a placeholder image, which does not count.
    const own = rows.count === 0 ? 0 : 1;
    const count = (sizeOf(x.shape) / numFeatures / x.shape[0]!) * rows.total;
    this.checkCount(x, count);
    const axes = x.shape.map((_, i) => i).filter((i) => i !== 1);
    const along = (v: Node): Node =>
      ops.reshape(
        v,
        x.shape.map((size, i) => (i === 1 ? size : 1)),
      );
    const mean = (v: Node): Node => ops.allReduce(ops.scaleBy(ops.sum(v, axes), own / count), ranks);
    const average = mean(x);
    const centred = ops.sub(x, along(average));
    const variance = mean(ops.square(centred));
    this.move(
      ops.scaleBy(average, this.momentum),
      ops.scaleBy(variance, (this.momentum * count) / (count - 1)),
    );
    const inverse = ops.pow(ops.affine(variance, { scale: 1, shift: eps }), { exponent: -0.5 });
    const { weight, bias } = this;
    const y = ops.mul(centred, along(weight ? ops.mul(inverse, weight.node) : inverse));
    return new Tensor(bias ? ops.add(y, along(bias.node)) : y);
  }

  private track(x: Node): void {
    const count = sizeOf(x.shape) / this.numFeatures;
    this.checkCount(x, count);
    if (!this.runningMean) return;
    const stats = ops.batchStats(x);
    // A weighted sum over the two rows of the statistics selects one row and scales it.
    const row = (weights: [number, number]): Node =>
      ops.sum(ops.mul(stats, tensor([[weights[0]], [weights[1]]], { dtype: stats.dtype }).node), [0]);
    this.move(row([this.momentum, 0]), row([0, (this.momentum * count) / (count - 1)]));
  }

  private checkCount(x: Node, count: number): void {
    if (count < 2)
      throw new ShapeError({
        what: `${this.typeName} cannot compute the variance of a single value`,
        expected: 'at least 2 values per channel in training',
        got: showShape(x.shape),
        next: 'use a larger batch, or eval()',
      });
  }

  /**
   * Updates the running statistics.
   * @param mean momentum · mean of the batch
   * @param variance momentum · variance of the batch
   */
  private move(mean: Node, variance: Node): void {
    for (const [buffer, towards] of [
      [this.runningMean, mean],
      [this.runningVar, variance],
    ] as const)
      if (buffer) deferUpdate(buffer, ops.add(ops.scaleBy(latestNode(buffer), 1 - this.momentum), towards));
  }

  protected override extraRepr(): string {
    return (
      `${this.numFeatures}, eps=${showFloat(this.eps)}, momentum=${showFloat(this.momentum)}, ` +
      `affine=${showBoolean(this.weight !== null)}, track_running_stats=${showBoolean(this.runningMean !== null)}`
    );
  }
}

/**
 * From now on a model's batch normalisation takes the mean and variance of the images of all ranks, as if one process had
 * the whole batch, instead of each rank's own.
 * @returns number of layers
 */
export function normaliseTogether(model: Module, ranks: number): number {
  const layers = model.namedModules().flatMap(([, module]) => (module instanceof BatchNorm ? module : []));
  for (const layer of layers) layer.ranks = ranks;
  return layers.length;
}

/** Batch normalisation of images [N, C, H, W], with one mean and variance for each channel. */
export class BatchNorm2d extends BatchNorm {
  protected override images(x: Node): Node {
    if (x.shape.length === 4) return x;
    throw new ShapeError({
      what: 'BatchNorm2d normalises images',
      expected: 'an input [N, C, H, W]',
      got: showShape(x.shape),
      next: 'use BatchNorm1d for features or sequences',
    });
  }
}

/** Batch normalisation of features [N, C] or sequences [N, C, L], with one mean and variance for each channel. */
export class BatchNorm1d extends BatchNorm {
  protected override images(x: Node): Node {
    if (x.shape.length === 2) return x;
    if (x.shape.length === 3) return ops.reshape(x, [...x.shape, 1]);
    throw new ShapeError({
      what: 'BatchNorm1d normalises features or sequences',
      expected: 'an input [N, C] or [N, C, L]',
      got: showShape(x.shape),
      next: 'use BatchNorm2d for images',
    });
  }
}
