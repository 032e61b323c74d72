import { checkNumber } from '../errors/arguments.js';
import * as ops from '../ops/index.js';
import { Tensor } from '../tensor/tensor.js';
import { nodeOf, showFloat } from './arguments.js';
import { Module } from './module.js';

/** y = max(0, x). Any shape. */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.relu(nodeOf(this.typeName, x))));
  }
}

/** y = x for x > 0, else negativeSlope · x. Any shape. */
export class LeakyReLU extends Module {
  constructor(readonly negativeSlope = 0.01) {
    super();
    checkNumber('LeakyReLU', 'negativeSlope', negativeSlope, { expected: 'a number' });
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.leakyRelu(nodeOf(this.typeName, x), this.negativeSlope)));
  }

  protected override extraRepr(): string {
    return `negative_slope=${showFloat(this.negativeSlope)}`;
  }
}

/** y = 1 / (1 + e^−x). Any shape. */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.sigmoid(nodeOf(this.typeName, x))));
  }
}

/** y = tanh x. Any shape. */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.tanh(nodeOf(this.typeName, x))));
  }
}

/** y = log(1 + e^x), a smooth ReLU. Any shape. */
export class Softplus extends Module {
  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.softplus(x.node)));
  }
}

/** y = x · sigmoid(x), also called swish (arXiv:1710.05941). Any shape. */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.silu(x.node)));
  }
}
