import { checkBooleans, checkOptionNames } from '../errors/arguments.js';
import { pair } from '../ops/conv2d.js';
import * as ops from '../ops/index.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkIntegers, type Size, showBoolean, showSize } from './arguments.js';
import { Module } from './module.js';
import { onImages } from './spatial/one-or-many.js';

/** Options of {@link MaxPool2d}; a single number applies to height and width. */
export interface MaxPool2dOptions {
  /** The window's size by default; windows overlap if it is smaller. */
  stride?: Size;
  padding?: Size;
  dilation?: Size;
  /** Whether the result includes windows that extend beyond the edge. */
  ceilMode?: boolean;
}

/**
 * Largest value of each window: [N, C, H, W] → [N, C, H', W'], or without N.
 *
 * @example
 * new MaxPool2d(3, { stride: 2 }); // overlapping windows
 */
export class MaxPool2d extends Module {
  readonly stride: Size;
  readonly padding: Size;
  readonly dilation: Size;
  readonly ceilMode: boolean;

  constructor(
    readonly kernelSize: Size,
    options: MaxPool2dOptions = {},
  ) {
    super();
    checkOptionNames('MaxPool2d', options, ['stride', 'padding', 'dilation', 'ceilMode']);
    const { stride = kernelSize, padding = 0, dilation = 1, ceilMode = false } = options;
    checkBooleans('MaxPool2d', { ceilMode });
    checkIntegers('MaxPool2d', { kernelSize, stride, dilation }, 1);
    checkIntegers('MaxPool2d', { padding }, 0);
    this.stride = stride;
    this.padding = padding;
    this.dilation = dilation;
    this.ceilMode = ceilMode;
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() =>
      onImages(this.typeName, x, (images) =>
        ops.maxPool2d(images, {
          kernel: pair(this.kernelSize),
          stride: pair(this.stride),
          padding: pair(this.padding),
          dilation: pair(this.dilation),
          ceilMode: this.ceilMode,
        }),
      ),
    );
  }

  protected override extraRepr(): string {
    return (
      `kernel_size=${showSize(this.kernelSize)}, stride=${showSize(this.stride)}, ` +
      `padding=${showSize(this.padding)}, dilation=${showSize(this.dilation)}, ceil_mode=${showBoolean(this.ceilMode)}`
    );
  }
}

/** Options of {@link AvgPool2d}; a single number applies to height and width. */
export interface AvgPool2dOptions {
  stride?: Size;
  padding?: Size;
  ceilMode?: boolean;
  /** Whether padding counts as zeros in the mean. */
  countIncludePad?: boolean;
}

/** Mean of each window: [N, C, H, W] → [N, C, H', W'], or without N. */
export class AvgPool2d extends Module {
  readonly stride: Size;
  readonly padding: Size;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;

  constructor(
    readonly kernelSize: Size,
    options: AvgPool2dOptions = {},
  ) {
    super();
    checkOptionNames('AvgPool2d', options, ['stride', 'padding', 'ceilMode', 'countIncludePad']);
    const { stride = kernelSize, padding = 0, ceilMode = false, countIncludePad = true } = options;
    checkBooleans('AvgPool2d', { ceilMode, countIncludePad });
    checkIntegers('AvgPool2d', { kernelSize, stride }, 1);
    checkIntegers('AvgPool2d', { padding }, 0);
    this.stride = stride;
    this.padding = padding;
    this.ceilMode = ceilMode;
    this.countIncludePad = countIncludePad;
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() =>
      onImages(this.typeName, x, (images) =>
        ops.avgPool2d(images, {
          kernel: pair(this.kernelSize),
          stride: pair(this.stride),
          padding: pair(this.padding),
          ceilMode: this.ceilMode,
          countIncludePad: this.countIncludePad,
        }),
      ),
    );
  }

  protected override extraRepr(): string {
    return `kernel_size=${showSize(this.kernelSize)}, stride=${showSize(this.stride)}, padding=${showSize(this.padding)}`;
  }
}
