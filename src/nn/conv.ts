import { checkBooleans, checkOptionNames, shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import type { Node } from '../graph/node.js';
import type { Pair } from '../ops/conv2d.js';
import { pair } from '../ops/conv2d.js';
import * as ops from '../ops/index.js';
import { Parameter } from '../tensor/parameter.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkCounts, checkIntegers, type Size, showSize } from './arguments.js';
import { pytorchDefault, zeroWeights } from './init.js';
import { Module } from './module.js';
import { onImages } from './spatial/one-or-many.js';

/** Options of {@link Conv2d}; a single number applies to height and width. */
export interface Conv2dOptions {
  stride?: Size;
  /**
   * Zeros added on each side. `'same'` keeps the size of the image and requires stride 1; if the total is odd, the extra
   * zeros are at the bottom and on the right. `'valid'` adds none.
   */
  padding?: Size | 'same' | 'valid';
  dilation?: Size;
  /** Number of groups of channels that are convolved separately. */
  groups?: number;
  bias?: boolean;
  /** What is padded: zeros by default, or the image itself, mirrored, repeated at its edge, or from its other side. */
  paddingMode?: PaddingMode;
}

/** What a convolution pads its input with. */
export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

/**
 * Two-dimensional convolution: [N, inChannels, H, W] → [N, outChannels, H', W'],
 * H' = ⌊(H + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1.
 * Weights [outChannels, inChannels / groups, kH, kW] are initialised as in PyTorch.
 *
 * @throws UsageError if an option is not valid
 * @example
 * new Conv2d(3, 96, 11, { stride: 4, padding: 2 }); // [N, 3, 224, 224] → [N, 96, 55, 55]
 */
export class Conv2d extends Module {
  readonly kernelSize: Pair;
  readonly stride: Pair;
  /** Zeros on each side; for `'same'` see also {@link extra}. */
  readonly padding: Pair;
  /** Additional zeros at the bottom and on the right, for `'same'` with even kernels. */
  readonly extra: Pair;
  readonly dilation: Pair;
  readonly groups: number;
  readonly paddingMode: PaddingMode;
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  private readonly paddingWord: string | undefined;

  protected static override readonly parameterNames: readonly string[] = ['weight', 'bias'];

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: Size,
    options: Conv2dOptions = {},
  ) {
    super();
    checkOptionNames('Conv2d', options, CONV_OPTIONS);
    const { stride = 1, padding: given = 0, dilation = 1, groups = 1, bias = true } = options;
    const { paddingMode = 'zeros' } = options;
    checkIntegers('Conv2d', { kernelSize, stride, dilation }, 1);
    checkCounts('Conv2d', { inChannels, outChannels, groups }, 1);
    checkBooleans('Conv2d', { bias });
    const { padding, extra } = paddingOf('Conv2d', given, pair(kernelSize), pair(stride), pair(dilation));
    checkGroups('Conv2d', inChannels, outChannels, groups);
    checkPaddingMode('Conv2d', paddingMode);
    this.paddingMode = paddingMode;
    this.kernelSize = pair(kernelSize);
    this.stride = pair(stride);
    this.padding = padding;
    this.extra = extra;
    this.paddingWord = typeof given === 'string' ? given : undefined;
    this.dilation = pair(dilation);
    this.groups = groups;
    const shape = [outChannels, inChannels / groups, ...this.kernelSize];
    this.weight = new Parameter(zeroWeights('Conv2d', shape), shape);
    this.bias = bias ? new Parameter(zeroWeights('Conv2d', [outChannels]), [outChannels]) : null;
    pytorchDefault(this.weight, this.bias);
  }

  forward(x: Tensor): Tensor {
    const { stride, padding, extra, dilation, groups, paddingMode } = this;
    const left = paddingMode === 'zeros' ? padding : ([0, 0] as const);
    const options = { stride, padding: left, dilation, groups };
    return this.scoped(() =>
      onImages('Conv2d', x, (given) => {
        const images = given.shape.length === 4 ? padded(given, padding, extra, paddingMode) : given;
        return ops.conv2d(images, this.weight.node, this.bias?.node, options);
      }),
    );
  }

  protected override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, groups } = this;
    let text = `${this.inChannels}, ${this.outChannels}, kernel_size=${showSize(kernelSize)}, stride=${showSize(stride)}`;
    if (this.paddingWord) text += `, padding=${this.paddingWord}`;
    else if (padding.some((v) => v !== 0)) text += `, padding=${showSize(padding)}`;
    if (dilation.some((v) => v !== 1)) text += `, dilation=${showSize(dilation)}`;
    if (groups !== 1) text += `, groups=${groups}`;
    if (!this.bias) text += ', bias=False';
    return this.paddingMode === 'zeros' ? text : `${text}, padding_mode=${this.paddingMode}`;
  }
}

export const CONV_OPTIONS = ['stride', 'padding', 'dilation', 'groups', 'bias', 'paddingMode'];

/** @throws UsageError unless it is a mode of padding */
export function checkPaddingMode(layer: string, mode: unknown): void {
  if (['zeros', 'reflect', 'replicate', 'circular'].includes(mode as string)) return;
  throw new UsageError({
    what: `${layer} got a bad paddingMode`,
    expected: "'zeros', 'reflect', 'replicate' or 'circular'",
    got: shown(mode),
  });
}

/** Adds what the convolution itself does not pad: everything but zeros, and the extra zeros at the bottom and right. */
export function padded(
  x: Node,
  [top, left]: Pair,
  [bottom, right]: readonly [number, number],
  mode: PaddingMode,
): Node {
  if (mode !== 'zeros') return ops.pad(x, [left, left + right, top, top + bottom], mode);
  return bottom === 0 && right === 0 ? x : ops.pad(x, [0, right, 0, bottom]);
}

/** @throws UsageError unless the number of groups divides both numbers of channels */
export function checkGroups(layer: string, inChannels: number, outChannels: number, groups: number): void {
  if (inChannels % groups === 0 && outChannels % groups === 0) return;
  throw new UsageError({
    what: `${layer} got groups that do not divide its channels`,
    expected: `a divisor of ${inChannels} and ${outChannels}`,
    got: String(groups),
  });
}

/** Zeros per dimension: on both sides, and in addition at the end. @throws UsageError */
export function paddingOf(
  layer: string,
  given: Size | string,
  kernel: Pair,
  stride: Pair,
  dilation: Pair,
): { padding: Pair; extra: Pair } {
  if (given === 'valid') return { padding: [0, 0], extra: [0, 0] };
  if (given !== 'same') {
    if (typeof given === 'string')
      throw new UsageError({
        what: `${layer} got a bad padding`,
        expected: "integers of at least 0, 'same' or 'valid'",
        got: shown(given),
      });
    checkIntegers(layer, { padding: given }, 0);
    return { padding: pair(given), extra: [0, 0] };
  }
  if (stride.some((s) => s !== 1))
    throw new UsageError({
      what: `${layer} cannot keep the size with a stride`,
      expected: "stride 1 with padding 'same'",
      got: `stride ${showSize(stride)}`,
      next: 'give the padding as numbers',
    });
  const total = kernel.map((k, i) => dilation[i]! * (k - 1)) as [number, number];
  return {
    padding: [Math.floor(total[0] / 2), Math.floor(total[1] / 2)],
    extra: [total[0] % 2, total[1] % 2],
  };
}
