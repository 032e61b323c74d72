import { checkOptionNames } from '../../errors/arguments.js';
import * as ops from '../../ops/index.js';
import { Parameter } from '../../tensor/parameter.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkCounts, nodeOf, rowOf } from '../arguments.js';
import { normal, zeroWeights } from '../init.js';
import { Module } from '../module.js';

/**
 * A table of vectors: […] of int32 → […, embeddingDim]. Weights [numEmbeddings, embeddingDim] are normal with standard
 * deviation 1.
 *
 * @example
 * new Embedding(65, 192).forward(tensor([[1, 5, 2]], { dtype: 'int32' })); // [1, 3] → [1, 3, 192]
 */
export class Embedding extends Module {
  readonly weight: Parameter;
  readonly paddingIdx: number | undefined;

  /** @param options `paddingIdx`: a row of zeros that gets no gradient; a negative one counts from the end */
  constructor(
    readonly numEmbeddings: number,
    readonly embeddingDim: number,
    options: { paddingIdx?: number } = {},
  ) {
    super();
    checkOptionNames('Embedding', options, ['paddingIdx']);
    checkCounts('Embedding', { numEmbeddings, embeddingDim }, 1);
    const row = rowOf('Embedding', options.paddingIdx, numEmbeddings);
    this.paddingIdx = row;
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
    return this.scoped(
      () => new Tensor(ops.embedding(nodeOf(this.typeName, index), this.weight.node, this.paddingIdx)),
    );
  }

  protected override extraRepr(): string {
    const padding = this.paddingIdx === undefined ? '' : `, padding_idx=${this.paddingIdx}`;
    return `${this.numEmbeddings}, ${this.embeddingDim}${padding}`;
  }
}
