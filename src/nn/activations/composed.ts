import { shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import { showFloat } from '../arguments.js';
import { Module } from '../module.js';
import { celu, checkAlpha, glu, logsigmoid, selu, softsign } from './functions.js';

/** y = 1.0507 · elu(x, 1.6733), which keeps mean 0 and variance 1 (arXiv:1706.02515). Any shape. */
export class SELU extends Module {
  forward(x: Tensor): Tensor {
    return this.scoped(() => selu(x));
  }
}

/** y = x for x > 0, else alpha · (e^(x / alpha) − 1) (arXiv:1704.07483). Any shape. */
export class CELU extends Module {
  constructor(readonly alpha = 1) {
    super();
    checkAlpha('CELU', alpha);
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => celu(x, this.alpha));
  }

  protected override extraRepr(): string {
    return `alpha=${showFloat(this.alpha)}`;
  }
}

/** y = log(1 / (1 + e^−x)). Any shape. */
export class LogSigmoid extends Module {
  forward(x: Tensor): Tensor {
    return this.scoped(() => logsigmoid(x));
  }
}

/** y = x / (1 + |x|). Any shape. */
export class Softsign extends Module {
  forward(x: Tensor): Tensor {
    return this.scoped(() => softsign(x));
  }
}

/** Gated linear unit (arXiv:1612.08083): the first half of an axis times the sigmoid of the second. */
export class GLU extends Module {
  constructor(readonly dim = -1) {
    super();
    if (!Number.isInteger(dim))
      throw new UsageError({ what: 'GLU got a bad dim', expected: 'an axis, such as -1', got: shown(dim) });
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => glu(x, this.dim));
  }

  protected override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}
