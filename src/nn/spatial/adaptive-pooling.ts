import { isInteger, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import type { Node } from '../../graph/node.js';
import type { Pair } from '../../ops/conv2d.js';
import * as ops from '../../ops/index.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkCounts } from '../arguments.js';
import { Module } from '../module.js';
import { onImages, onSequences } from './one-or-many.js';

/** One number for both dimensions, or [height, width]; null keeps the size of the input. */
export type AdaptiveSize = number | readonly [number | null, number | null];

/** Pooling of evenly spaced bins of images. */
abstract class Adaptive2d extends Module {
  constructor(readonly outputSize: AdaptiveSize) {
    super();
    const fits = (value: unknown): boolean => isInteger(value, 1);
    const given: unknown = outputSize;
    if (fits(given)) return;
    if (Array.isArray(given) && given.length === 2 && given.every((v) => v === null || fits(v))) return;
    throw new UsageError({
      what: `${this.typeName} got a bad outputSize`,
      expected: 'integers of at least 1, or null in a pair for the size of the input',
      got: shown(given),
    });
  }

  protected abstract pool(x: Node, size: Pair): Node;

  forward(x: Tensor): Tensor {
    const { outputSize } = this;
    const [height, width] = typeof outputSize === 'number' ? [outputSize, outputSize] : outputSize;
    return this.scoped(() =>
      onImages(this.typeName, x, (images) =>
        this.pool(images, [height ?? images.shape[2] ?? 1, width ?? images.shape[3] ?? 1]),
      ),
    );
  }

  protected override extraRepr(): string {
    const { outputSize } = this;
    if (typeof outputSize === 'number') return `output_size=${outputSize}`;
    return `output_size=(${outputSize.map((size) => size ?? 'None').join(', ')})`;
  }
}

/**
 * Mean of evenly spaced bins; an image of any size becomes outputSize: [N, C, H, W] → [N, C, h, w], or without N.
 *
 * @example
 * new AdaptiveAvgPool2d([null, 1]); // the mean of each row
 */
export class AdaptiveAvgPool2d extends Adaptive2d {
  protected override pool(x: Node, size: Pair): Node {
    return ops.adaptiveAvgPool2d(x, size);
  }
}

/** Largest value of evenly spaced bins, as {@link AdaptiveAvgPool2d}. The gradient flows to the first maximum. */
export class AdaptiveMaxPool2d extends Adaptive2d {
  protected override pool(x: Node, size: Pair): Node {
    return ops.adaptiveMaxPool2d(x, size);
  }
}

/** Pooling of evenly spaced bins of sequences. */
abstract class Adaptive1d extends Module {
  constructor(readonly outputSize: number) {
    super();
    checkCounts(this.typeName, { outputSize }, 1);
  }

  protected abstract pool(x: Node, size: Pair): Node;

  forward(x: Tensor): Tensor {
    return this.scoped(() =>
      onSequences(this.typeName, x, (images) => this.pool(images, [1, this.outputSize])),
    );
  }

  protected override extraRepr(): string {
    return `output_size=${this.outputSize}`;
  }
}

/** Mean of evenly spaced bins; a sequence of any length becomes outputSize: [N, C, L] → [N, C, outputSize], or without N. */
export class AdaptiveAvgPool1d extends Adaptive1d {
  protected override pool(x: Node, size: Pair): Node {
    return ops.adaptiveAvgPool2d(x, size);
  }
}

/** Largest value of evenly spaced bins, as {@link AdaptiveAvgPool1d}. */
export class AdaptiveMaxPool1d extends Adaptive1d {
  protected override pool(x: Node, size: Pair): Node {
    return ops.adaptiveMaxPool2d(x, size);
  }
}
