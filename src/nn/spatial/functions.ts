import { checkOptionNames } from '../../errors/arguments.js';
import { ShapeError } from '../../errors/errors.js';
import type { Node } from '../../graph/node.js';
import { showShape } from '../../graph/types.js';
import type { Pair } from '../../ops/conv2d.js';
import { pair } from '../../ops/conv2d.js';
import * as ops from '../../ops/index.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkCounts, checkIntegers, nodeOf, type Size } from '../arguments.js';
import { type Conv2dOptions, padded, paddingOf } from '../conv.js';
import { AvgPool2d, type AvgPool2dOptions, MaxPool2d, type MaxPool2dOptions } from '../pooling.js';
import { AdaptiveAvgPool2d, AdaptiveMaxPool2d, type AdaptiveSize } from './adaptive-pooling.js';
import type { ConvTranspose2dOptions } from './conv-transpose.js';
import { onImages } from './one-or-many.js';
import { Fold, type PatchOptions, Unfold } from './patches.js';

/* Layers of images as functions, whose weights are arguments: tensors of any origin, such as computed ones. */

const optional = (name: string, x: Tensor | null | undefined) =>
  x === undefined || x === null ? undefined : nodeOf(name, x);

/** The size of a kernel. @throws ShapeError unless it has four dimensions and at least one element */
function windowOf(name: string, { shape }: Node): Pair {
  if (shape.length === 4 && !shape.includes(0)) return [shape[2]!, shape[3]!];
  throw new ShapeError({
    what: `${name} got weights that do not fit`,
    expected: 'kernels of at least one element, as a tensor of 4 dimensions',
    got: showShape(shape),
  });
}

/**
 * Convolution with given weights: [N, inChannels, H, W] → [N, outChannels, H', W'], as `nn.Conv2d`.
 *
 * @param weight [outChannels, inChannels / groups, kH, kW] @param bias [outChannels]
 * @example
 * conv2d(x, weight.sub(weight.mean([1, 2, 3], true)), null, { padding: 1 });
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: Omit<Conv2dOptions, 'bias' | 'paddingMode'> = {},
): Tensor {
  const name = 'conv2d';
  checkOptionNames(name, options, ['stride', 'padding', 'dilation', 'groups']);
  const { stride = 1, padding: given = 0, dilation = 1, groups = 1 } = options;
  checkIntegers(name, { stride, dilation }, 1);
  checkCounts(name, { groups }, 1);
  const weights = nodeOf(name, weight);
  const window = windowOf(name, weights);
  const { padding, extra } = paddingOf(name, given, window, pair(stride), pair(dilation));
  return onImages(name, x, (images) => {
    const whole = images.shape.length === 4 ? padded(images, padding, extra, 'zeros') : images;
    return ops.conv2d(whole, weights, optional(name, bias), {
      stride: pair(stride),
      padding,
      dilation: pair(dilation),
      groups,
    });
  });
}

/**
 * Transposed convolution with given weights, as `nn.ConvTranspose2d`.
 *
 * @param weight [inChannels, outChannels / groups, kH, kW] @param bias [outChannels]
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: Omit<ConvTranspose2dOptions, 'bias'> = {},
): Tensor {
  const name = 'convTranspose2d';
  checkOptionNames(name, options, ['stride', 'padding', 'outputPadding', 'groups', 'dilation']);
  const { stride = 1, padding = 0, outputPadding = 0, groups = 1, dilation = 1 } = options;
  checkIntegers(name, { stride, dilation }, 1);
  checkIntegers(name, { padding, outputPadding }, 0);
  checkCounts(name, { groups }, 1);
  const weights = nodeOf(name, weight);
  windowOf(name, weights);
  return onImages(name, x, (images) =>
    ops.convTranspose2d(images, weights, optional(name, bias), {
      stride: pair(stride),
      padding: pair(padding),
      outputPadding: pair(outputPadding),
      dilation: pair(dilation),
      groups,
    }),
  );
}

/** Largest value of each window, as `nn.MaxPool2d`: [N, C, H, W] → [N, C, H', W']. */
export const maxPool2d = (x: Tensor, kernelSize: Size, options?: MaxPool2dOptions): Tensor =>
  new MaxPool2d(kernelSize, options).forward(x);

/** Mean of each window, as `nn.AvgPool2d`: [N, C, H, W] → [N, C, H', W']. */
export const avgPool2d = (x: Tensor, kernelSize: Size, options?: AvgPool2dOptions): Tensor =>
  new AvgPool2d(kernelSize, options).forward(x);

/** Mean of evenly spaced bins, as `nn.AdaptiveAvgPool2d`: [N, C, H, W] → [N, C, h, w]. */
export const adaptiveAvgPool2d = (x: Tensor, outputSize: AdaptiveSize): Tensor =>
  new AdaptiveAvgPool2d(outputSize).forward(x);

/** Largest value of evenly spaced bins, as `nn.AdaptiveMaxPool2d`: [N, C, H, W] → [N, C, h, w]. */
export const adaptiveMaxPool2d = (x: Tensor, outputSize: AdaptiveSize): Tensor =>
  new AdaptiveMaxPool2d(outputSize).forward(x);

/** The patches of images as columns, as `nn.Unfold`: [N, C, H, W] → [N, C · kernel, patches]. */
export const unfold = (x: Tensor, kernelSize: Size, options?: PatchOptions): Tensor =>
  new Unfold(kernelSize, options).forward(x);

/** Adds patches where they overlap, as `nn.Fold`: [N, C · kernel, patches] → [N, C, H, W]. */
export const fold = (x: Tensor, outputSize: Size, kernelSize: Size, options?: PatchOptions): Tensor =>
  new Fold(outputSize, kernelSize, options).forward(x);
