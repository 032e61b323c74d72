import { shown } from '../errors/arguments.js';
import { ShapeError, UsageError } from '../errors/errors.js';
import { hostLeaf, type Node } from '../graph/node.js';
import { showShape } from '../graph/types.js';
import * as ops from '../ops/index.js';
import { nextKey } from '../tensor/random.js';
import { Tensor } from '../tensor/tensor.js';
import { nodeOf, showFloat } from './arguments.js';
import { checkMode } from './module/registered.js';
import { Module } from './module.js';

/** Zeroes values in training. */
abstract class Dropping extends Module {
  /** @param p probability of zero, in [0, 1) */
  constructor(readonly p = 0.5) {
    super();
    if (typeof p !== 'number' || !(p >= 0 && p < 1))
      throw new UsageError({
        what: `${this.typeName} got a bad probability`,
        expected: 'p in [0, 1)',
        got: shown(p),
      });
  }

  /** The shape of the factors 0 and 1 / (1 − p), which broadcast to the input. */
  protected abstract factors(x: Node): readonly number[];

  forward(x: Tensor): Tensor {
    if (!this.training || this.p === 0) return x;
    checkMode(this);
    return this.scoped(() => {
      const node = nodeOf(this.typeName, x);
      const shape = this.factors(node);
      const key = nextKey(shape);
      const mask = ops.dropoutMask(hostLeaf(key, [key.length], 'int32'), shape, this.p, node.dtype);
      return new Tensor(ops.mul(node, mask));
    });
  }

  protected override extraRepr(): string {
    return `p=${showFloat(this.p).replace(/\.0$/, '')}, inplace=False`;
  }
}

/**
 * In training, zeroes each value with probability p and scales the others by 1 / (1 − p); in evaluation, returns its
 * input. Any shape. Each forward pass draws a new mask from the stream that `manualSeed` seeds.
 *
 * @throws UsageError unless p is in [0, 1)
 */
export class Dropout extends Dropping {
  protected override factors(x: Node): readonly number[] {
    return x.shape;
  }
}

/** One factor for each channel of a batch of `rank` dimensions. */
abstract class ChannelDropout extends Dropping {
  protected abstract readonly rank: number;

  protected override factors({ shape }: Node): readonly number[] {
    if (shape.length === this.rank) return shape.map((size, i) => (i < 2 ? size : 1));
    throw new ShapeError({
      what: `${this.typeName} zeroes whole channels`,
      expected: `an input of ${this.rank} dimensions, [N, C, …]`,
      got: showShape(shape),
    });
  }
}

/** {@link Dropout} of whole channels of sequences [N, C, L]. */
export class Dropout1d extends ChannelDropout {
  protected override readonly rank = 3;
}

/** {@link Dropout} of whole channels of images [N, C, H, W] (arXiv:1411.4280). */
export class Dropout2d extends ChannelDropout {
  protected override readonly rank = 4;
}
