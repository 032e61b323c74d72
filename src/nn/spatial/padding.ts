import { checkNumber, shown } from '../../errors/arguments.js';
import { ShapeError, UsageError } from '../../errors/errors.js';
import { showShape } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';
import { nodeOf } from '../arguments.js';
import { Module } from '../module.js';

/** Pixels added at each side; one number, or [left, right, top, bottom]. Negative ones cut off. */
export type Sides = number | readonly [number, number, number, number];

/** Pads images [N, C, H, W], or one [C, H, W]. */
abstract class Pad2d extends Module {
  readonly padding: readonly [number, number, number, number];
  protected abstract readonly mode: ops.PadMode;

  constructor(padding: Sides) {
    super();
    const sides: unknown = typeof padding === 'number' ? Array.from({ length: 4 }, () => padding) : padding;
    if (!Array.isArray(sides) || sides.length !== 4 || !sides.every((p) => Number.isSafeInteger(p)))
      throw new UsageError({
        what: `${this.typeName} got a bad padding`,
        expected: 'an integer, or four: [left, right, top, bottom]',
        got: shown(padding),
      });
    this.padding = sides as [number, number, number, number];
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => {
      const node = nodeOf(this.typeName, x);
      if (node.shape.length !== 4 && node.shape.length !== 3)
        throw new ShapeError({
          what: `${this.typeName} pads images`,
          expected: 'an input [N, C, H, W] or [C, H, W]',
          got: showShape(node.shape),
          next: 'use nn.functional.pad for other tensors',
        });
      return new Tensor(ops.pad(node, this.padding, this.mode, this.fill));
    });
  }

  protected get fill(): number {
    return 0;
  }

  protected override extraRepr(): string {
    return `(${this.padding.join(', ')})`;
  }
}

/** Zeros around images. */
export class ZeroPad2d extends Pad2d {
  protected override readonly mode = 'constant';
}

/** A constant around images. */
export class ConstantPad2d extends Pad2d {
  protected override readonly mode = 'constant';

  constructor(
    padding: Sides,
    readonly value: number,
  ) {
    super(padding);
    checkNumber('ConstantPad2d', 'value', value, { expected: 'a number' });
  }

  protected override get fill(): number {
    return this.value;
  }

  protected override extraRepr(): string {
    return `padding=${super.extraRepr()}, value=${this.value}`;
  }
}

/** Images mirrored at their edge pixels, as in style transfer and CycleGAN. */
export class ReflectionPad2d extends Pad2d {
  protected override readonly mode = 'reflect';
}

/** Images whose edge pixels are repeated. */
export class ReplicationPad2d extends Pad2d {
  protected override readonly mode = 'replicate';
}

/** Images continued by their other side. */
export class CircularPad2d extends Pad2d {
  protected override readonly mode = 'circular';
}
