import { checkBooleans, checkOptionNames } from '../../errors/arguments.js';
import * as ops from '../../ops/index.js';
import { Parameter } from '../../tensor/parameter.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkCounts } from '../arguments.js';
import { CONV_OPTIONS, checkGroups, checkPaddingMode, type PaddingMode, padded, paddingOf } from '../conv.js';
import { pytorchDefault, zeroWeights } from '../init.js';
import { Module } from '../module.js';
import { onSequences } from './one-or-many.js';

/** Options of {@link Conv1d}. */
export interface Conv1dOptions {
  stride?: number;
  /** Zeros added at both ends; `'same'` keeps the length and requires stride 1, `'valid'` adds none. */
  padding?: number | 'same' | 'valid';
  dilation?: number;
  /** Number of groups of channels that are convolved separately. */
  groups?: number;
  bias?: boolean;
  /** What is padded: zeros by default, or the sequence itself, mirrored, repeated at its end, or from its other end. */
  paddingMode?: PaddingMode;
}

/**
 * One-dimensional convolution: [N, inChannels, L] → [N, outChannels, L'], or without N,
 * L' = ⌊(L + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1. Weights [outChannels, inChannels / groups, kernel].
 *
 * @throws UsageError if an option is not valid
 */
export class Conv1d extends Module {
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;
  readonly paddingMode: PaddingMode;
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  /** An additional zero at the end, for `'same'` with even kernels. */
  private readonly extra: number;
  private readonly paddingWord: string | undefined;

  protected static override readonly parameterNames: readonly string[] = ['weight', 'bias'];

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernelSize: number,
    options: Conv1dOptions = {},
  ) {
    super();
    checkOptionNames('Conv1d', options, CONV_OPTIONS);
    const { stride = 1, padding: given = 0, dilation = 1, groups = 1, bias = true } = options;
    const { paddingMode = 'zeros' } = options;
    checkCounts('Conv1d', { inChannels, outChannels, kernelSize, stride, dilation, groups }, 1);
    if (typeof given !== 'string') checkCounts('Conv1d', { padding: given }, 0);
    checkBooleans('Conv1d', { bias });
    checkGroups('Conv1d', inChannels, outChannels, groups);
    checkPaddingMode('Conv1d', paddingMode);
    this.paddingMode = paddingMode;
    const row = (size: number) => [1, size] as const;
    const { padding, extra } = paddingOf('Conv1d', given, row(kernelSize), row(stride), row(dilation));
    this.stride = stride;
    this.padding = padding[1];
    this.dilation = dilation;
    this.groups = groups;
    this.extra = extra[1];
    this.paddingWord = typeof given === 'string' ? given : undefined;
    const shape = [outChannels, inChannels / groups, kernelSize];
    this.weight = new Parameter(zeroWeights('Conv1d', shape), shape);
    this.bias = bias ? new Parameter(zeroWeights('Conv1d', [outChannels]), [outChannels]) : null;
    pytorchDefault(this.weight, this.bias);
  }

  forward(x: Tensor): Tensor {
    const { stride, padding, extra, dilation, groups, paddingMode } = this;
    const options = {
      stride: [1, stride],
      padding: [0, paddingMode === 'zeros' ? padding : 0],
      dilation: [1, dilation],
      groups,
    } as const;
    return this.scoped(() =>
      onSequences('Conv1d', x, (images) => {
        const whole = padded(images, [0, padding], [0, extra], paddingMode);
        return ops.conv2d(whole, ops.unsqueeze(this.weight.node, 2), this.bias?.node, options);
      }),
    );
  }

  protected override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, groups } = this;
    let text = `${this.inChannels}, ${this.outChannels}, kernel_size=(${kernelSize},), stride=(${stride},)`;
    if (this.paddingWord) text += `, padding=${this.paddingWord}`;
    else if (padding !== 0) text += `, padding=(${padding},)`;
    if (dilation !== 1) text += `, dilation=(${dilation},)`;
    if (groups !== 1) text += `, groups=${groups}`;
    if (!this.bias) text += ', bias=False';
    return this.paddingMode === 'zeros' ? text : `${text}, padding_mode=${this.paddingMode}`;
  }
}
