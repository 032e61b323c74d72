import { checkBooleans, checkNumber, checkOptionNames, shown } from '../errors/arguments.js';
import { ShapeError, UsageError } from '../errors/errors.js';
import { isShape, type Shape, showShape, sizeOf } from '../graph/types.js';
import * as ops from '../ops/index.js';
import { Parameter } from '../tensor/parameter.js';
import { Tensor } from '../tensor/tensor.js';
import { checkCounts, nodeOf, showBoolean, showFloat } from './arguments.js';
import { zeroWeights } from './init.js';
import { Module } from './module.js';

const filled = (layer: string, shape: Shape, value: number): Parameter =>
  new Parameter(zeroWeights(layer, shape).fill(value), shape);

function checkEps(layer: string, eps: unknown): void {
  checkNumber(layer, 'eps', eps, { least: 0, expected: 'a number of at least 0' });
}

/**
 * Layer normalisation over the last axes (arXiv:1607.06450): y = (x − mean) / √(var + eps) · weight + bias, with the
 * mean and the biased variance over those axes.
 *
 * @example
 * new LayerNorm(192).forward(tokens); // [N, T, 192] → [N, T, 192]
 */
export class LayerNorm extends Module {
  readonly normalizedShape: Shape;
  readonly eps: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;

  protected static override readonly parameterNames: readonly string[] = ['weight', 'bias'];

  constructor(
    normalizedShape: number | Shape,
    options: { eps?: number; elementwiseAffine?: boolean; bias?: boolean } = {},
  ) {
    super();
    checkOptionNames('LayerNorm', options, ['eps', 'elementwiseAffine', 'bias']);
    const { eps = 1e-5, elementwiseAffine = true, bias = true } = options;
    const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
    if (!isShape(shape) || shape.length === 0 || shape.includes(0))
      throw new UsageError({
        what: 'LayerNorm got a bad normalizedShape',
        expected: 'the sizes of the last axes, such as 192 or [16, 16]',
        got: shown(normalizedShape),
      });
    checkEps('LayerNorm', eps);
    checkBooleans('LayerNorm', { elementwiseAffine, bias });
    this.normalizedShape = shape;
    this.eps = eps;
    this.weight = elementwiseAffine ? filled('LayerNorm', shape, 1) : null;
    this.bias = elementwiseAffine && bias ? filled('LayerNorm', shape, 0) : null;
  }

  forward(x: Tensor): Tensor {
    const { normalizedShape, weight, bias, eps } = this;
    return this.scoped(
      () =>
        new Tensor(ops.layerNorm(nodeOf(this.typeName, x), normalizedShape, weight?.node, bias?.node, eps)),
    );
  }

  protected override extraRepr(): string {
    const shape =
      this.normalizedShape.length === 1
        ? `(${this.normalizedShape[0]},)`
        : `(${this.normalizedShape.join(', ')})`;
    return `${shape}, eps=${showFloat(this.eps)}, elementwise_affine=${showBoolean(this.weight !== null)}, bias=${showBoolean(this.bias !== null)}`;
  }
}

/**
 * Group normalisation (arXiv:1803.08494): the channels of [N, C, …] are divided into groups, and each group of each
 * sample is normalised separately.
 */
export class GroupNorm extends Module {
  readonly eps: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;

  protected static override readonly parameterNames: readonly string[] = ['weight', 'bias'];

  constructor(
    readonly numGroups: number,
    readonly numChannels: number,
    options: { eps?: number; affine?: boolean; bias?: boolean } = {},
  ) {
    super();
    checkOptionNames('GroupNorm', options, ['eps', 'affine', 'bias']);
    const { eps = 1e-5, affine = true, bias = true } = options;
    checkCounts('GroupNorm', { numGroups, numChannels }, 1);
    if (numChannels % numGroups !== 0)
      throw new UsageError({
        what: 'GroupNorm got groups that do not divide its channels',
        expected: `a divisor of ${numChannels}`,
        got: String(numGroups),
      });
    checkEps('GroupNorm', eps);
    checkBooleans('GroupNorm', { affine, bias });
    this.eps = eps;
    this.weight = affine ? filled('GroupNorm', [numChannels], 1) : null;
    this.bias = affine && bias ? filled('GroupNorm', [numChannels], 0) : null;
  }

  forward(x: Tensor): Tensor {
    const { numGroups, weight, bias, eps } = this;
    return this.scoped(() => {
      const node = nodeOf(this.typeName, x);
      checkChannels(this.typeName, node.shape, this.numChannels);
      return new Tensor(ops.groupNorm(node, numGroups, weight?.node, bias?.node, eps));
    });
  }

  protected override extraRepr(): string {
    const { numGroups, numChannels, eps } = this;
    return `${numGroups}, ${numChannels}, eps=${showFloat(eps)}, affine=${showBoolean(this.weight !== null)}, bias=${showBoolean(this.bias !== null)}`;
  }
}

/** @param axis that of the channels: 1, or 0 in one sample */
function checkChannels(layer: string, shape: Shape, channels: number, axis = 1): void {
  if (shape.length <= axis || shape[axis] !== channels)
    throw new ShapeError({
      what: `${layer} got another number of channels`,
      expected: `an input [${axis === 1 ? 'N, ' : ''}${channels}, …]`,
      got: showShape(shape),
    });
}

/** Instance normalisation (arXiv:1607.08022): each channel of each image or sequence is normalised separately. */
abstract class InstanceNorm extends Module {
  readonly eps: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  protected abstract readonly rank: number;

  protected static override readonly parameterNames: readonly string[] = ['weight', 'bias'];

  constructor(
    readonly numFeatures: number,
    options: { eps?: number; affine?: boolean; bias?: boolean } = {},
  ) {
    super();
    checkOptionNames(this.typeName, options, ['eps', 'affine', 'bias']);
    const { eps = 1e-5, affine = false, bias = true } = options;
    checkCounts(this.typeName, { numFeatures }, 1);
    checkEps(this.typeName, eps);
    checkBooleans(this.typeName, { affine, bias });
    this.eps = eps;
    this.weight = affine ? filled(this.typeName, [numFeatures], 1) : null;
    this.bias = affine && bias ? filled(this.typeName, [numFeatures], 0) : null;
  }

  forward(x: Tensor): Tensor {
    const { numFeatures, weight, bias, eps } = this;
    return this.scoped(() => {
      const given = nodeOf(this.typeName, x);
      const one = given.shape.length === this.rank - 1;
      const node = one ? ops.unsqueeze(given, 0) : given;
      if (node.shape.length !== this.rank || sizeOf(node.shape.slice(2)) < 2)
        throw new ShapeError({
          what: `${this.typeName} normalises each channel by itself`,
          expected: `an input of ${this.rank} dimensions (${this.rank - 1} for one sample) with at least 2 values in a channel`,
          got: showShape(given.shape),
        });
      checkChannels(this.typeName, given.shape, numFeatures, one ? 0 : 1);
      const y = ops.groupNorm(node, numFeatures, weight?.node, bias?.node, eps);
      return new Tensor(one ? ops.squeeze(y, [0]) : y);
    });
  }

  protected override extraRepr(): string {
    const [affine, bias] = [showBoolean(this.weight !== null), showBoolean(this.bias !== null)];
    return `${this.numFeatures}, eps=${showFloat(this.eps)}, momentum=0.1, affine=${affine}, bias=${bias}, track_running_stats=False`;
  }
}

/** Instance normalisation of images [N, C, H, W], or of one. */
export class InstanceNorm2d extends InstanceNorm {
  protected override readonly rank = 4;
}

/** Instance normalisation of sequences [N, C, L], or of one. */
export class InstanceNorm1d extends InstanceNorm {
  protected override readonly rank = 3;
}
