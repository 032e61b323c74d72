import { checkBooleans, checkNumber, checkOptionNames } from '../../errors/arguments.js';
import { ShapeError, UsageError } from '../../errors/errors.js';
import type { Node } from '../../graph/node.js';
import { sameShape, showShape } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { Parameter } from '../../tensor/parameter.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkCounts, nodeOf } from '../arguments.js';
import { constant, xavierUniform, zeroWeights } from '../init.js';
import { Linear } from '../linear.js';
import { Module } from '../module.js';
import { attend } from './attention.js';
import { added } from './mask.js';

/** Options of {@link MultiheadAttention}. */
export interface MultiheadOptions {
  /** Probability of dropping an attention weight in training. */
  dropout?: number;
  bias?: boolean;
  /** Features of the keys; embedDim by default. */
  kdim?: number;
  /** Features of the values; embedDim by default. */
  vdim?: number;
  /** Whether inputs are [N, L, E]; otherwise [L, N, E]. */
  batchFirst?: boolean;
}

/** Options of a forward pass of {@link MultiheadAttention}. */
export type MultiheadCall = {
  /** [N, S]: integers or a comparison, where numbers other than 0 hide a key; or other floats, which are added to the scores. */
  keyPaddingMask?: Tensor;
  /** [L, S] or [N · heads, L, S], likewise. */
  attnMask?: Tensor;
  /** Whether to return the attention weights. */
  needWeights?: boolean;
  /** Whether the returned attention weights are averaged over the heads. */
  averageAttnWeights?: boolean;
  /** Query i attends only to the keys 0 to i. */
  isCausal?: boolean;
};

/**
 * Multi-head attention (arXiv:1706.03762, section 3.2.2): query [L, N, E], key and value [S, N, E] (or batch first) → the
 * result of the query's shape, and the attention weights [N, L, S] or null. Without a batch N is left out everywhere.
 *
 * @throws UsageError if an option is not valid
 * @example
 * const attention = new MultiheadAttention(192, 3, { batchFirst: true });
 * const [y] = attention.forward(x, x, x, { needWeights: false });
 */
export class MultiheadAttention extends Module<[Tensor, Tensor | null]> {
  readonly dropout: number;
  readonly batchFirst: boolean;
  /** Weights of queries, keys and values in one, if all have embedDim features. */
  readonly inProjWeight: Parameter | null;
  readonly qProjWeight: Parameter | null;
  readonly kProjWeight: Parameter | null;
  readonly vProjWeight: Parameter | null;
  readonly inProjBias: Parameter | null;
  readonly outProj: Linear;

  protected static override readonly parameterNames: readonly string[] = [
    'inProjWeight',
    'qProjWeight',
    'kProjWeight',
    'vProjWeight',
    'inProjBias',
  ];

  constructor(
    readonly embedDim: number,
    readonly numHeads: number,
    options: MultiheadOptions = {},
  ) {
    super();
    const name = 'MultiheadAttention';
    checkOptionNames(name, options, ['dropout', 'bias', 'kdim', 'vdim', 'batchFirst']);
    const { dropout = 0, bias = true, kdim = embedDim, vdim = embedDim, batchFirst = false } = options;
    checkCounts(name, { embedDim, numHeads, kdim, vdim }, 1);
    checkNumber(name, 'dropout', dropout, { least: 0, most: 0.999999, expected: 'a probability in [0, 1)' });
    checkBooleans(name, { bias, batchFirst });
    if (embedDim % numHeads !== 0)
      throw new UsageError({
        what: `${name} cannot share its features among the heads`,
        expected: `a number of heads that divides ${embedDim}`,
        got: String(numHeads),
      });
    this.dropout = dropout;
    this.batchFirst = batchFirst;
    const weight = (rows: number, columns: number): Parameter => {
      const made = new Parameter(zeroWeights(name, [rows, columns]), [rows, columns]);
      xavierUniform(made);
      return made;
    };
    const same = kdim === embedDim && vdim === embedDim;
    this.qProjWeight = same ? null : weight(embedDim, embedDim);
    this.kProjWeight = same ? null : weight(embedDim, kdim);
    this.vProjWeight = same ? null : weight(embedDim, vdim);
    this.inProjWeight = same ? weight(3 * embedDim, embedDim) : null;
    this.inProjBias = bias ? new Parameter(zeroWeights(name, [3 * embedDim]), [3 * embedDim]) : null;
    this.outProj = new Linear(embedDim, embedDim, { bias });
    if (this.outProj.bias) constant(this.outProj.bias, 0);
  }

  forward(query: Tensor, key: Tensor, value: Tensor, options: MultiheadCall = {}): [Tensor, Tensor | null] {
    const name = this.typeName;
    checkOptionNames(name, options, [
      'keyPaddingMask',
      'attnMask',
      'needWeights',
      'averageAttnWeights',
      'isCausal',
    ]);
    const { needWeights = true, averageAttnWeights = true, isCausal = false } = options;
    checkBooleans(name, { needWeights, averageAttnWeights, isCausal });
    return this.scoped(() => {
      const given = [nodeOf(name, query), nodeOf(name, key), nodeOf(name, value)] as const;
      const batched = given[0].shape.length === 3;
      this.check(given);
      const [q, k, v] = this.projected(given.map((x) => this.asRows(x)) as [Node, Node, Node]);
      const [n, length] = q!.shape as [number, number];
      const heads = (x: Node): Node => ops.permute(ops.unflatten(x, 2, [this.numHeads, -1]), [0, 2, 1, 3]);
      const scale = Math.sqrt(this.numHeads / this.embedDim);
      const masks = this.masks(options, n, batched);
      const dropout = this.training ? this.dropout : 0;
      const attending = { masks, isCausal, scale, dropout, zeroIfHidden: !needWeights };
      const { weights, y: mixed } = attend(heads(q!), heads(k!), heads(v!), attending);
      const rows = ops.reshape(ops.permute(mixed, [0, 2, 1, 3]), [n, length, this.embedDim]);
      const joined = new Tensor(rows);
      const y = this.back(this.outProj.forward(joined).node, batched);
      const shown = averageAttnWeights ? ops.mean(weights, [1]) : weights;
      return [y, needWeights ? new Tensor(batched ? shown : ops.squeeze(shown, [0])) : null];
    });
  }

  /** A query, key or value as [N, L, E]. */
  private asRows(x: Node): Node {
    if (x.shape.length === 2) return ops.unsqueeze(x, 0);
    return this.batchFirst ? x : ops.transpose(x, 0, 1);
  }

  private back(y: Node, batched: boolean): Tensor {
    if (!batched) return new Tensor(ops.squeeze(y, [0]));
    return new Tensor(this.batchFirst ? y : ops.transpose(y, 0, 1));
  }

  /** The projected queries, keys and values; one matrix product if all three inputs are the same node. */
  private projected([query, key, value]: readonly [Node, Node, Node]): Node[] {
    const e = this.embedDim;
    const whole = this.inProjWeight?.node;
    const bias = this.inProjBias?.node;
    if (whole && query === key && key === value) return ops.split(ops.linear(query, whole, bias), e, 2);
    const own = [this.qProjWeight, this.kProjWeight, this.vProjWeight];
    return [query, key, value].map((x, i) => {
      const weight = whole ? ops.narrow(whole, 0, i * e, e) : own[i]!.node;
      return ops.linear(x, weight, bias && ops.narrow(bias, 0, i * e, e));
    });
  }

  /** Masks as functions of the scores [N, heads, L, S] that return what is added to the scores. */
  private masks(
    { keyPaddingMask, attnMask }: MultiheadCall,
    n: number,
    batched: boolean,
  ): ((s: Node) => Node)[] {
    const masks: ((scores: Node) => Node)[] = [];
    if (attnMask) {
      const mask = nodeOf(this.typeName, attnMask);
      const each = mask.shape.length === 3 ? ops.reshape(mask, [n, -1, ...mask.shape.slice(1)]) : mask;
      masks.push((scores) => added(this.typeName, each, scores, true));
    }
    if (keyPaddingMask) {
      const mask = nodeOf(this.typeName, keyPaddingMask);
      const keys = batched ? mask : ops.unsqueeze(mask, 0);
      masks.push((scores) => {
        const [, , , s] = scores.shape as [number, number, number, number];
        if (!sameShape(keys.shape, [n, s]))
          throw new ShapeError({
            what: `${this.typeName} got a keyPaddingMask that does not fit`,
            expected: showShape(batched ? [n, s] : [s]),
            got: showShape(mask.shape),
          });
        return added(this.typeName, ops.reshape(keys, [n, 1, 1, s]), scores, true);
      });
    }
    return masks;
  }

  private check([query, key, value]: readonly [Node, Node, Node]): void {
    const rank = query.shape.length;
    const batch = (x: Node) => (rank === 2 ? 1 : x.shape[this.batchFirst ? 0 : 1]);
    const length = (x: Node) => x.shape[rank === 2 || !this.batchFirst ? 0 : 1];
    if (
      (rank === 2 || rank === 3) &&
      [key, value].every((x) => x.shape.length === rank && batch(x) === batch(query)) &&
      length(key) === length(value) &&
      query.shape[rank - 1] === this.embedDim
    )
      return;
    const order = this.batchFirst ? ['[N, L, E]', '[N, S, E]'] : ['[L, N, E]', '[S, N, E]'];
    throw new ShapeError({
      what: `${this.typeName} got inputs that do not fit`,
      expected: `a query ${order[0]}, key and value ${order[1]} with E = ${this.embedDim}`,
      got: [query, key, value].map(({ shape }) => showShape(shape)).join(', '),
    });
  }
}
