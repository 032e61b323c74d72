import { checkBooleans, checkOptionNames } from '../errors/arguments.js';
import * as ops from '../ops/index.js';
import { Parameter } from '../tensor/parameter.js';
import { Tensor } from '../tensor/tensor.js';
import { checkCounts, nodeOf, showBoolean } from './arguments.js';
import { pytorchDefault, zeroWeights } from './init.js';
import { Module } from './module.js';

/**
 * Fully connected layer: y = x Wᵀ + b, […, inFeatures] → […, outFeatures]. Weights [outFeatures, inFeatures] are
 * initialised as in PyTorch.
 *
 * @throws UsageError if an option is not valid
 * @example
 * new Linear(4096, 10).forward(x); // [N, 4096] → [N, 10]
 */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  protected static override readonly parameterNames: readonly string[] = ['weight', 'bias'];

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    options: { bias?: boolean } = {},
  ) {
    super();
    checkOptionNames('Linear', options, ['bias']);
    const { bias = true } = options;
    checkCounts('Linear', { inFeatures, outFeatures }, 1);
    checkBooleans('Linear', { bias });
    const shape = [outFeatures, inFeatures];
    this.weight = new Parameter(zeroWeights('Linear', shape), shape);
    this.bias = bias ? new Parameter(zeroWeights('Linear', [outFeatures]), [outFeatures]) : null;
    pytorchDefault(this.weight, this.bias);
  }

  forward(x: Tensor): Tensor {
    return this.scoped(
      () => new Tensor(ops.linear(nodeOf(this.typeName, x), this.weight.node, this.bias?.node)),
    );
  }

  protected override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${showBoolean(this.bias !== null)}`;
  }
}
