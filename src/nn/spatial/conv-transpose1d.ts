import { checkBooleans, checkOptionNames } from '../../errors/arguments.js';
import * as ops from '../../ops/index.js';
import { Parameter } from '../../tensor/parameter.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkCounts } from '../arguments.js';
import { checkGroups } from '../conv.js';
import { pytorchDefault, zeroWeights } from '../init.js';
import { Module } from '../module.js';
import { onSequences } from './one-or-many.js';

/** Options of {@link ConvTranspose1d}. */
export interface ConvTranspose1dOptions {
  stride?: number;
  /** Positions that are cropped at both ends of the result. */
  padding?: number;
  /** Positions that are added at the end of the result. */
  outputPadding?: number;
  groups?: number;
  bias?: boolean;
  dilation?: number;
}

/**
 * Transposed convolution, which lengthens sequences: [N, inChannels, L] → [N, outChannels, L'],
 * L' = (L − 1)·stride − 2·padding + dilation·(kernel − 1) + outputPadding + 1.
 * Weights [inChannels, outChannels / groups, kernel] are initialised as in PyTorch.
 *
 * @throws UsageError if an option is not valid
 */
export class ConvTranspose1d extends Module {
  readonly stride: number;
  readonly padding: number;
  readonly outputPadding: number;
  readonly dilation: number;
  readonly groups: number;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  protected static override readonly parameterNames: readonly string[] = ['weight', 'bias'];

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernelSize: number,
    options: ConvTranspose1dOptions = {},
  ) {
    super();
    const name = 'ConvTranspose1d';
    checkOptionNames(name, options, ['stride', 'padding', 'outputPadding', 'groups', 'bias', 'dilation']);
    const { stride = 1, padding = 0, outputPadding = 0, groups = 1, bias = true, dilation = 1 } = options;
    checkCounts(name, { inChannels, outChannels, kernelSize, stride, dilation, groups }, 1);
    checkCounts(name, { padding, outputPadding }, 0);
    checkBooleans(name, { bias });
    checkGroups(name, inChannels, outChannels, groups);
    this.stride = stride;
    this.padding = padding;
    this.outputPadding = outputPadding;
    this.dilation = dilation;
    this.groups = groups;
    const shape = [inChannels, outChannels / groups, kernelSize];
    this.weight = new Parameter(zeroWeights('ConvTranspose1d', shape), shape);
    this.bias = bias ? new Parameter(zeroWeights('ConvTranspose1d', [outChannels]), [outChannels]) : null;
    pytorchDefault(this.weight, this.bias);
  }

  forward(x: Tensor): Tensor {
    const { stride, padding, outputPadding, dilation, groups } = this;
    const options = {
      stride: [1, stride],
      padding: [0, padding],
      outputPadding: [0, outputPadding],
      dilation: [1, dilation],
      groups,
    } as const;
    return this.scoped(() =>
      onSequences('ConvTranspose1d', x, (images) =>
        ops.convTranspose2d(images, ops.unsqueeze(this.weight.node, 2), this.bias?.node, options),
      ),
    );
  }

  protected override extraRepr(): string {
    const { kernelSize, stride, padding, outputPadding, dilation, groups } = this;
    let text = `${this.inChannels}, ${this.outChannels}, kernel_size=(${kernelSize},), stride=(${stride},)`;
    if (padding !== 0) text += `, padding=(${padding},)`;
    if (dilation !== 1) text += `, dilation=(${dilation},)`;
    if (outputPadding !== 0) text += `, output_padding=(${outputPadding},)`;
    if (groups !== 1) text += `, groups=${groups}`;
    return this.bias ? text : `${text}, bias=False`;
  }
}
