import { checkOptionNames } from '../../errors/arguments.js';
import { pair } from '../../ops/conv2d.js';
import * as ops from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkIntegers, nodeOf, type Size, showSize } from '../arguments.js';
import { Module } from '../module.js';
import { onImages } from './one-or-many.js';

/** Options of {@link Unfold} and {@link Fold}; a single number applies to height and width. */
export interface PatchOptions {
  dilation?: Size;
  padding?: Size;
  /** 1 by default. */
  stride?: Size;
}

/** The patches of images. */
abstract class Patches extends Module {
  readonly dilation: Size;
  readonly padding: Size;
  readonly stride: Size;

  constructor(
    readonly kernelSize: Size,
    options: PatchOptions,
  ) {
    super();
    const name = this.typeName;
    checkOptionNames(name, options, ['dilation', 'padding', 'stride']);
    const { dilation = 1, padding = 0, stride = 1 } = options;
    checkIntegers(name, { kernelSize, dilation, stride }, 1);
    checkIntegers(name, { padding }, 0);
    this.dilation = dilation;
    this.padding = padding;
    this.stride = stride;
  }

  protected get attrs(): ops.PatchAttrs {
    const { kernelSize, dilation, padding, stride } = this;
    return {
      kernel: pair(kernelSize),
      dilation: pair(dilation),
      padding: pair(padding),
      stride: pair(stride),
    };
  }

  protected override extraRepr(): string {
    const { kernelSize, dilation, padding, stride } = this;
    return `kernel_size=${showSize(kernelSize)}, dilation=${showSize(dilation)}, padding=${showSize(padding)}, stride=${showSize(stride)}`;
  }
}

/**
 * The patches of images as columns: [N, C, H, W] → [N, C · kernel, patches], or without N. PyTorch's `im2col`.
 *
 * @example
 * new Unfold(16, { stride: 16 }).forward(images).transpose(1, 2); // one row for each patch
 */
export class Unfold extends Patches {
  constructor(kernelSize: Size, options: PatchOptions = {}) {
    super(kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => onImages(this.typeName, x, (images) => ops.unfold(images, this.attrs)));
  }
}

/** Adds patches where they overlap in an image: [N, C · kernel, patches] → [N, C, H, W], or without N. */
export class Fold extends Patches {
  constructor(
    readonly outputSize: Size,
    kernelSize: Size,
    options: PatchOptions = {},
  ) {
    super(kernelSize, options);
    checkIntegers('Fold', { outputSize }, 1);
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => {
      const node = nodeOf(this.typeName, x);
      const one = node.shape.length === 2;
      const y = ops.fold(one ? ops.unsqueeze(node, 0) : node, pair(this.outputSize), this.attrs);
      return new Tensor(one ? ops.squeeze(y, [0]) : y);
    });
  }

  protected override extraRepr(): string {
    return `output_size=${showSize(this.outputSize)}, ${super.extraRepr()}`;
  }
}
