import { UsageError } from '../errors/errors.js';
import { sizeOf } from '../graph/types.js';
import type { Pair } from '../ops/conv2d.js';
import * as ops from '../ops/index.js';
import { Parameter, Tensor } from '../tensor/tensor.js';
import { checkIntegers, pair, type Size, showSize } from './arguments.js';
import { pytorchDefault } from './init.js';
import { Module } from './module.js';

/** Options of {@link Conv2d}; a number holds for both directions. */
export interface Conv2dOptions {
  stride?: Size;
  /** Zeros added on each side. */
  padding?: Size;
  dilation?: Size;
  /** Channels fall into this many groups that do not see each other: the paper's two towers are 2. */
  groups?: number;
  bias?: boolean;
}

/**
 * Two-dimensional convolution: [N, inChannels, H, W] → [N, outChannels, H', W'],
 * H' = ⌊(H + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1.
 * Weights [outChannels, inChannels / groups, kH, kW] start by PyTorch's default.
 *
 * @throws UsageError for sizes that cannot be
 * @example
 * new Conv2d(3, 96, 11, { stride: 4, padding: 2 }); // AlexNet's first layer
 */
export class Conv2d extends Module {
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: Size,
    { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true }: Conv2dOptions = {},
  ) {
    super();
    checkIntegers('Conv2d', { inChannels, outChannels, kernelSize, stride, dilation, groups }, 1);
    checkIntegers('Conv2d', { padding }, 0);
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new UsageError({
        what: 'Conv2d got groups that do not divide its channels',
        expected: `a divisor of ${inChannels} and ${outChannels}`,
        got: String(groups),
      });
    this.kernelSize = pair(kernelSize);
    this.stride = pair(stride);
    this.padding = pair(padding);
    this.dilation = pair(dilation);
    this.groups = groups;
    const shape = [outChannels, inChannels / groups, ...this.kernelSize];
    this.weight = new Parameter(new Float32Array(sizeOf(shape)), shape);
    this.bias = bias ? new Parameter(new Float32Array(outChannels), [outChannels]) : null;
    pytorchDefault(this.weight, this.bias);
  }

  forward(x: Tensor): Tensor {
    const { stride, padding, dilation, groups } = this;
    return this.scoped(
      () =>
        new Tensor(
          ops.conv2d(x.node, this.weight.node, this.bias?.node, { stride, padding, dilation, groups }),
        ),
    );
  }

  protected override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, groups } = this;
    let text = `${this.inChannels}, ${this.outChannels}, kernel_size=${showSize(kernelSize)}, stride=${showSize(stride)}`;
    if (padding.some((v) => v !== 0)) text += `, padding=${showSize(padding)}`;
    if (dilation.some((v) => v !== 1)) text += `, dilation=${showSize(dilation)}`;
    if (groups !== 1) text += `, groups=${groups}`;
    return this.bias ? text : `${text}, bias=False`;
  }
}
