import { checkBooleans, checkOptionNames } from '../../errors/arguments.js';
import * as ops from '../../ops/index.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkCounts, showBoolean } from '../arguments.js';
import { Module } from '../module.js';
import { onSequences } from './one-or-many.js';

/** Options of {@link MaxPool1d}. */
export interface MaxPool1dOptions {
  /** The window's size by default; windows overlap if it is smaller. */
  stride?: number;
  padding?: number;
  dilation?: number;
  /** Whether the result includes windows that extend beyond the edge. */
  ceilMode?: boolean;
}

/** Largest value of each window: [N, C, L] → [N, C, L'], or without N. */
export class MaxPool1d extends Module {
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly ceilMode: boolean;

  constructor(
    readonly kernelSize: number,
    options: MaxPool1dOptions = {},
  ) {
    super();
    checkOptionNames('MaxPool1d', options, ['stride', 'padding', 'dilation', 'ceilMode']);
    const { stride = kernelSize, padding = 0, dilation = 1, ceilMode = false } = options;
    checkBooleans('MaxPool1d', { ceilMode });
    checkCounts('MaxPool1d', { kernelSize, stride, dilation }, 1);
    checkCounts('MaxPool1d', { padding }, 0);
    this.stride = stride;
    this.padding = padding;
    this.dilation = dilation;
    this.ceilMode = ceilMode;
  }

  forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return this.scoped(() =>
      onSequences('MaxPool1d', x, (images) =>
        ops.maxPool2d(images, {
          kernel: [1, kernelSize],
          stride: [1, stride],
          padding: [0, padding],
          dilation: [1, dilation],
          ceilMode,
        }),
      ),
    );
  }

  protected override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return `kernel_size=${kernelSize}, stride=${stride}, padding=${padding}, dilation=${dilation}, ceil_mode=${showBoolean(ceilMode)}`;
  }
}

/** Options of {@link AvgPool1d}. */
export interface AvgPool1dOptions {
  stride?: number;
  padding?: number;
  ceilMode?: boolean;
  /** Whether padding counts as zeros in the mean. */
  countIncludePad?: boolean;
}

/** Mean of each window: [N, C, L] → [N, C, L'], or without N. */
export class AvgPool1d extends Module {
  readonly stride: number;
  readonly padding: number;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;

  constructor(
    readonly kernelSize: number,
    options: AvgPool1dOptions = {},
  ) {
    super();
    checkOptionNames('AvgPool1d', options, ['stride', 'padding', 'ceilMode', 'countIncludePad']);
    const { stride = kernelSize, padding = 0, ceilMode = false, countIncludePad = true } = options;
    checkBooleans('AvgPool1d', { ceilMode, countIncludePad });
    checkCounts('AvgPool1d', { kernelSize, stride }, 1);
    checkCounts('AvgPool1d', { padding }, 0);
    this.stride = stride;
    this.padding = padding;
    this.ceilMode = ceilMode;
    this.countIncludePad = countIncludePad;
  }

  forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad } = this;
    return this.scoped(() =>
      onSequences('AvgPool1d', x, (images) =>
        ops.avgPool2d(images, {
          kernel: [1, kernelSize],
          stride: [1, stride],
          padding: [0, padding],
          ceilMode,
          countIncludePad,
        }),
      ),
    );
  }

  protected override extraRepr(): string {
    const { kernelSize, stride, padding } = this;
    return `kernel_size=(${kernelSize},), stride=(${stride},), padding=(${padding},)`;
  }
}
