import type { Tensor } from '../../tensor/tensor.js';
import { checkCounts, showFloat } from '../arguments.js';
import { interpolate, pixelShuffle, pixelUnshuffle } from '../layer-functions.js';
import { Module } from '../module.js';
import { checkInterpolation, type InterpolateOptions } from './interpolation.js';

/**
 * Resamples sequences or images to another size; see `functional.interpolate`.
 *
 * @example
 * new Upsample({ scaleFactor: 2, mode: 'bilinear', alignCorners: true }); // [N, C, H, W] → [N, C, 2 H, 2 W]
 */
export class Upsample extends Module {
  constructor(readonly options: InterpolateOptions) {
    super();
    checkInterpolation('Upsample', options);
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => interpolate(x, this.options));
  }

  protected override extraRepr(): string {
    const { size, scaleFactor, mode = 'nearest' } = this.options;
    const list = (value: number | readonly number[], show: (one: number) => string): string =>
      typeof value === 'number' ? show(value) : `(${value.map(show).join(', ')})`;
    return size === undefined
      ? `scale_factor=${list(scaleFactor!, showFloat)}, mode='${mode}'`
      : `size=${list(size, String)}, mode='${mode}'`;
  }
}

/** Moves channels into space: [N, C · r², H, W] → [N, C, H · r, W · r] (arXiv:1609.05158). */
export class PixelShuffle extends Module {
  constructor(readonly upscaleFactor: number) {
    super();
    checkCounts('PixelShuffle', { upscaleFactor }, 1);
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => pixelShuffle(x, this.upscaleFactor));
  }

  protected override extraRepr(): string {
    return `upscale_factor=${this.upscaleFactor}`;
  }
}

/** Moves space into channels: [N, C, H · r, W · r] → [N, C · r², H, W]. */
export class PixelUnshuffle extends Module {
  constructor(readonly downscaleFactor: number) {
    super();
    checkCounts('PixelUnshuffle', { downscaleFactor }, 1);
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => pixelUnshuffle(x, this.downscaleFactor));
  }

  protected override extraRepr(): string {
    return `downscale_factor=${this.downscaleFactor}`;
  }
}
