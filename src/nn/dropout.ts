import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { hostLeaf } from '../graph/node.js';
import * as ops from '../ops/index.js';
import { nextKey } from '../tensor/random.js';
import { Tensor } from '../tensor/tensor.js';
import { nodeOf, showFloat } from './arguments.js';
import { checkMode } from './module/registered.js';
import { Module } from './module.js';

/**
 * In training, zeroes each value with probability p and scales the others by 1 / (1 − p); in evaluation, returns its
 * input. Any shape. Each forward pass draws a new mask from the stream that `manualSeed` seeds.
 *
 * @throws UsageError unless p is in [0, 1)
 */
export class Dropout extends Module {
  constructor(readonly p = 0.5) {
    super();
    if (typeof p !== 'number' || !(p >= 0 && p < 1))
      throw new UsageError({
        what: 'Dropout got a bad probability',
        expected: 'p in [0, 1)',
        got: shown(p),
      });
  }

  forward(x: Tensor): Tensor {
    if (!this.training || this.p === 0) return x;
    checkMode(this);
    return this.scoped(() => {
      const node = nodeOf(this.typeName, x);
      const key = nextKey(node.shape);
      return new Tensor(ops.dropout(node, hostLeaf(key, [key.length], 'int32'), this.p));
    });
  }

  protected override extraRepr(): string {
    return `p=${showFloat(this.p).replace(/\.0$/, '')}, inplace=False`;
  }
}
