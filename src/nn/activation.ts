import { checkNumber, checkOptionNames, shown } from '../errors/arguments.js';
import { ShapeError, UsageError } from '../errors/errors.js';
import { showShape } from '../graph/types.js';
import * as ops from '../ops/index.js';
import { where } from '../tensor/functions.js';
import { Parameter } from '../tensor/parameter.js';
import { Tensor } from '../tensor/tensor.js';
import { checkSoftplus, softplusOf } from './activations/functions.js';
import { checkCounts, nodeOf, showFloat } from './arguments.js';
import { zeroWeights } from './init.js';
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

/** y = log(1 + e^(beta · x)) / beta, a smooth ReLU; y = x where beta · x exceeds the threshold. Any shape. */
export class Softplus extends Module {
  constructor(
    readonly beta = 1,
    readonly threshold = 20,
  ) {
    super();
    checkSoftplus('Softplus', beta, threshold);
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => softplusOf(nodeOf(this.typeName, x), this.beta, this.threshold));
  }

  protected override extraRepr(): string {
    return `beta=${showFloat(this.beta)}, threshold=${showFloat(this.threshold)}`;
  }
}

/** y = x · sigmoid(x), also called swish (arXiv:1710.05941). Any shape. */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.silu(nodeOf(this.typeName, x))));
  }
}

/** y = x · Φ(x) with the normal distribution Φ (arXiv:1606.08415), or its approximation by tanh. Any shape. */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';

  constructor(options: { approximate?: 'none' | 'tanh' } = {}) {
    super();
    checkOptionNames('GELU', options, ['approximate']);
    const { approximate = 'none' } = options;
    if (approximate !== 'none' && approximate !== 'tanh')
      throw new UsageError({
        what: 'GELU got a bad approximate',
        expected: "'none' or 'tanh'",
        got: shown(approximate),
      });
    this.approximate = approximate;
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.gelu(nodeOf(this.typeName, x), this.approximate)));
  }

  protected override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

/** y = x for x > 0, else alpha · (e^x − 1) (arXiv:1511.07289). Any shape. */
export class ELU extends Module {
  constructor(readonly alpha = 1) {
    super();
    checkNumber('ELU', 'alpha', alpha, { expected: 'a number' });
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.elu(nodeOf(this.typeName, x), this.alpha)));
  }

  protected override extraRepr(): string {
    return `alpha=${showFloat(this.alpha)}`;
  }
}

/** y = x limited to [minVal, maxVal]. Any shape. */
export class Hardtanh extends Module {
  constructor(
    readonly minVal = -1,
    readonly maxVal = 1,
  ) {
    super();
    checkNumber('Hardtanh', 'minVal', minVal, { expected: 'a number' });
    checkNumber('Hardtanh', 'maxVal', maxVal, { expected: 'a number' });
    if (minVal >= maxVal)
      throw new UsageError({
        what: 'Hardtanh got bad limits',
        expected: 'minVal below maxVal',
        got: `${minVal} and ${maxVal}`,
      });
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.hardtanh(nodeOf(this.typeName, x), this.minVal, this.maxVal)));
  }

  protected override extraRepr(): string {
    return `min_val=${showFloat(this.minVal)}, max_val=${showFloat(this.maxVal)}`;
  }
}

/** y = x limited to [0, 6]. Any shape. */
export class ReLU6 extends Module {
  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.relu6(nodeOf(this.typeName, x))));
  }
}

/** y = (x + 3) / 6 limited to [0, 1] (arXiv:1905.02244). Any shape. */
export class Hardsigmoid extends Module {
  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.hardsigmoid(nodeOf(this.typeName, x))));
  }
}

/** y = x · hardsigmoid(x) (arXiv:1905.02244). Any shape. */
export class Hardswish extends Module {
  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.hardswish(nodeOf(this.typeName, x))));
  }
}

/** y = x · tanh(log(1 + e^x)) (arXiv:1908.08681). Any shape. */
export class Mish extends Module {
  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.mish(nodeOf(this.typeName, x))));
  }
}

/** y = x for x > 0, else weight · x, with one learned weight, or one for each channel (axis 1). */
export class PReLU extends Module {
  readonly weight: Parameter;

  protected static override readonly parameterNames: readonly string[] = ['weight'];

  constructor(
    readonly numParameters = 1,
    options: { init?: number } = {},
  ) {
    super();
    checkOptionNames('PReLU', options, ['init']);
    const { init = 0.25 } = options;
    checkCounts('PReLU', { numParameters }, 1);
    checkNumber('PReLU', 'init', init, { expected: 'a number' });
    this.weight = new Parameter(zeroWeights('PReLU', [numParameters]).fill(init), [numParameters]);
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => {
      const node = nodeOf(this.typeName, x);
      const channels = node.shape.length > 1 ? node.shape[1]! : 1;
      if (this.numParameters !== 1 && this.numParameters !== channels)
        throw new ShapeError({
          what: 'PReLU has another number of weights',
          expected: `an input with ${this.numParameters} channels (axis 1)`,
          got: showShape(node.shape),
        });
      const slope = this.weight.reshape(
        node.shape.length > 1 ? [1, this.numParameters, ...node.shape.slice(2).map(() => 1)] : [1],
      );
      return where(x.gt(0), x, x.mul(slope));
    });
  }

  protected override extraRepr(): string {
    return `num_parameters=${this.numParameters}`;
  }
}

/** e^x / Σ e^x along an axis. */
export class Softmax extends Module {
  constructor(readonly dim: number) {
    super();
    checkDim('Softmax', dim);
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.softmax(nodeOf(this.typeName, x), this.dim)));
  }

  protected override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** log(e^x / Σ e^x) along an axis. */
export class LogSoftmax extends Module {
  constructor(readonly dim: number) {
    super();
    checkDim('LogSoftmax', dim);
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.logSoftmax(nodeOf(this.typeName, x), this.dim)));
  }

  protected override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

function checkDim(layer: string, dim: unknown): void {
  if (!Number.isInteger(dim))
    throw new UsageError({
      what: `${layer} got a bad dim`,
      expected: 'an axis, such as -1',
      got: shown(dim),
    });
}
