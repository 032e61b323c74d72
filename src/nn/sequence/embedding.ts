import { checkOptionNames } from '../../errors/arguments.js';
import { Parameter } from '../../tensor/parameter.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkCounts, nodeOf, rowOf } from '../arguments.js';
import { normal, zeroWeights } from '../init.js';
import { Module } from '../module.js';
import { lookUp } from './look-up.js';
import { checkMaxNorm, type MaxNorm } from './max-norm.js';

/** Options of {@link Embedding}. */
export interface EmbeddingOptions extends MaxNorm {
  /** A row of zeros that gets no gradient; a negative one counts from the end. */
  paddingIdx?: number;
}

/**
 * A table of vectors: […] of int32 → […, embeddingDim]. Weights [numEmbeddings, embeddingDim] are normal with standard
 * deviation 1. With `maxNorm`, rows are scaled to that norm when they are looked up, also in the table itself: in
 * training it is written with the next step. The gradient is that of rows that were scaled before.
 *
 * @example
 * new Embedding(65, 192).forward(tensor([[1, 5, 2]], { dtype: 'int32' })); // [1, 3] → [1, 3, 192]
 */
export class Embedding extends Module {
  readonly weight: Parameter;
  readonly paddingIdx: number | undefined;
  readonly maxNorm: number | undefined;
  readonly normType: number;

  protected static override readonly parameterNames: readonly string[] = ['weight'];

  constructor(
    readonly numEmbeddings: number,
    readonly embeddingDim: number,
    options: EmbeddingOptions = {},
  ) {
    super();
    checkOptionNames('Embedding', options, ['paddingIdx', 'maxNorm', 'normType']);
    checkMaxNorm('Embedding', options);
    checkCounts('Embedding', { numEmbeddings, embeddingDim }, 1);
    const row = rowOf('Embedding', options.paddingIdx, numEmbeddings);
    this.paddingIdx = row;
    this.maxNorm = options.maxNorm;
    this.normType = options.normType ?? 2;
    const shape = [numEmbeddings, embeddingDim];
    this.weight = new Parameter(zeroWeights('Embedding', shape), shape);
    normal(this.weight);
    if (row !== undefined) {
      const data = this.weight.blank();
      data.fill(0, row * embeddingDim, (row + 1) * embeddingDim);
      this.weight.load(data);
    }
  }

  forward(index: Tensor): Tensor {
    const { weight, paddingIdx, maxNorm, normType } = this;
    return this.scoped(
      () =>
        new Tensor(
          lookUp(weight, nodeOf(this.typeName, index), { paddingIdx, maxNorm, normType }, this.training),
        ),
    );
  }

  protected override extraRepr(): string {
    const { paddingIdx, maxNorm, normType } = this;
    let text = `${this.numEmbeddings}, ${this.embeddingDim}`;
    if (paddingIdx !== undefined) text += `, padding_idx=${paddingIdx}`;
    if (maxNorm !== undefined) text += `, max_norm=${maxNorm}`;
    if (normType !== 2) text += `, norm_type=${normType}`;
    return text;
  }
}
