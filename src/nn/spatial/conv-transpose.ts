import { checkBooleans, checkOptionNames } from '../../errors/arguments.js';
import type { Pair } from '../../ops/conv2d.js';
import { pair } from '../../ops/conv2d.js';
import * as ops from '../../ops/index.js';
import { Parameter } from '../../tensor/parameter.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkCounts, checkIntegers, type Size, showSize } from '../arguments.js';
import { checkGroups } from '../conv.js';
import { pytorchDefault, zeroWeights } from '../init.js';
import { Module } from '../module.js';
import { onImages } from './one-or-many.js';

/** Options of {@link ConvTranspose2d}; a single number applies to height and width. */
export interface ConvTranspose2dOptions {
  stride?: Size;
  /** Rows and columns that are cropped at each side of the result. */
  padding?: Size;
  /** Rows and columns that are added at the bottom and on the right of the result. */
  outputPadding?: Size;
  groups?: number;
  bias?: boolean;
  dilation?: Size;
}

/**
 * Transposed convolution, which enlarges images: [N, inChannels, H, W] → [N, outChannels, H', W'],
 * H' = (H − 1)·stride − 2·padding + dilation·(kernel − 1) + outputPadding + 1.
 * Weights [inChannels, outChannels / groups, kH, kW] are initialised as in PyTorch.
 *
 * @throws UsageError if an option is not valid
 * @example
 * new ConvTranspose2d(64, 32, 4, { stride: 2, padding: 1 }); // [N, 64, 8, 8] → [N, 32, 16, 16]
 */
export class ConvTranspose2d extends Module {
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly outputPadding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  protected static override readonly parameterNames: readonly string[] = ['weight', 'bias'];

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: Size,
    options: ConvTranspose2dOptions = {},
  ) {
    super();
    const name = 'ConvTranspose2d';
    checkOptionNames(name, options, ['stride', 'padding', 'outputPadding', 'groups', 'bias', 'dilation']);
    const { stride = 1, padding = 0, outputPadding = 0, groups = 1, bias = true, dilation = 1 } = options;
    checkIntegers(name, { kernelSize, stride, dilation }, 1);
    checkIntegers(name, { padding, outputPadding }, 0);
    checkCounts(name, { inChannels, outChannels, groups }, 1);
    checkBooleans(name, { bias });
    checkGroups(name, inChannels, outChannels, groups);
    this.kernelSize = pair(kernelSize);
    this.stride = pair(stride);
    this.padding = pair(padding);
    this.outputPadding = pair(outputPadding);
    this.dilation = pair(dilation);
    this.groups = groups;
    const shape = [inChannels, outChannels / groups, ...this.kernelSize];
    this.weight = new Parameter(zeroWeights('ConvTranspose2d', shape), shape);
    this.bias = bias ? new Parameter(zeroWeights('ConvTranspose2d', [outChannels]), [outChannels]) : null;
    pytorchDefault(this.weight, this.bias);
  }

  forward(x: Tensor): Tensor {
    const { stride, padding, outputPadding, dilation, groups } = this;
    return this.scoped(() =>
      onImages(this.typeName, x, (images) =>
        ops.convTranspose2d(images, this.weight.node, this.bias?.node, {
          stride,
          padding,
          outputPadding,
          dilation,
          groups,
        }),
      ),
    );
  }

  protected override extraRepr(): string {
    const { kernelSize, stride, padding, outputPadding, dilation, groups } = this;
    let text = `${this.inChannels}, ${this.outChannels}, kernel_size=${showSize(kernelSize)}, stride=${showSize(stride)}`;
    if (padding.some((v) => v !== 0)) text += `, padding=${showSize(padding)}`;
    if (dilation.some((v) => v !== 1)) text += `, dilation=${showSize(dilation)}`;
    if (outputPadding.some((v) => v !== 0)) text += `, output_padding=${showSize(outputPadding)}`;
    if (groups !== 1) text += `, groups=${groups}`;
    return this.bias ? text : `${text}, bias=False`;
  }
}
