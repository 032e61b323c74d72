import { checkBooleans, checkOptionNames, shown } from '../../errors/arguments.js';
import { ShapeError, UsageError } from '../../errors/errors.js';
import { hostLeaf, type Node, scalarLeaf } from '../../graph/node.js';
import { showShape } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { Parameter } from '../../tensor/parameter.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkCounts, nodeOf, rowOf } from '../arguments.js';
import { normal, zeroWeights } from '../init.js';
import { Module } from '../module.js';
import type { EmbeddingOptions } from './embedding.js';
import { knownValues } from './lengths.js';
import { lookUp } from './look-up.js';
import { checkMaxNorm } from './max-norm.js';

export type BagMode = 'sum' | 'mean' | 'max';

/** Options of {@link EmbeddingBag}, with PyTorch's defaults. */
export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** How the rows of a bag become one; the mean by default. */
  mode?: BagMode;
  /** Whether the last offset is the length of the list instead of the start of a bag. */
  includeLastOffset?: boolean;
}

/** Options of a forward pass of {@link EmbeddingBag}. */
export interface EmbeddingBagCall {
  /** The position at which each bag begins in a list of rows: an array, or an int32 tensor of known values. */
  offsets?: ArrayLike<number> | Tensor;
  /** A factor for each row that is looked up, in the shape of the index; for the mode `sum`. */
  perSampleWeights?: Tensor;
}

const OPTIONS = ['paddingIdx', 'maxNorm', 'normType', 'mode', 'includeLastOffset'];

/**
 * Sums, means or maxima of rows of a table: bags of equal size [N, L] → [N, embeddingDim], or one list [L] with the
 * `offsets` of its bags. Rows of `paddingIdx` do not count; a bag without rows gives zeros.
 *
 * @example
 * new EmbeddingBag(1000, 16).forward(tensor([1, 2, 4, 5], { dtype: 'int32' }), { offsets: [0, 3] }); // [2, 16]
 */
export class EmbeddingBag extends Module {
  readonly weight: Parameter;
  readonly paddingIdx: number | undefined;
  readonly maxNorm: number | undefined;
  readonly normType: number;
  readonly mode: BagMode;
  readonly includeLastOffset: boolean;

  protected static override readonly parameterNames: readonly string[] = ['weight'];

  constructor(
    readonly numEmbeddings: number,
    readonly embeddingDim: number,
    options: EmbeddingBagOptions = {},
  ) {
    super();
    const name = 'EmbeddingBag';
    checkOptionNames(name, options, OPTIONS);
    checkCounts(name, { numEmbeddings, embeddingDim }, 1);
    checkMaxNorm(name, options);
    const { mode = 'mean', includeLastOffset = false } = options;
    if (mode !== 'sum' && mode !== 'mean' && mode !== 'max')
      throw new UsageError({
        what: `${name} got a bad mode`,
        expected: "'sum', 'mean' or 'max'",
        got: shown(mode),
      });
    checkBooleans(name, { includeLastOffset });
    this.paddingIdx = rowOf(name, options.paddingIdx, numEmbeddings);
    this.maxNorm = options.maxNorm;
    this.normType = options.normType ?? 2;
    this.mode = mode;
    this.includeLastOffset = includeLastOffset;
    const shape = [numEmbeddings, embeddingDim];
    this.weight = new Parameter(zeroWeights(name, shape), shape);
    normal(this.weight);
    if (this.paddingIdx === undefined) return;
    const data = this.weight.blank();
    data.fill(0, this.paddingIdx * embeddingDim, (this.paddingIdx + 1) * embeddingDim);
    this.weight.load(data);
  }

  forward(index: Tensor, options: EmbeddingBagCall = {}): Tensor {
    checkOptionNames(this.typeName, options, ['offsets', 'perSampleWeights']);
    return this.scoped(() => {
      const { weight, paddingIdx, maxNorm, normType, embeddingDim } = this;
      const given = nodeOf(this.typeName, index);
      const bags = this.bags(given, options.offsets);
      const list = bags.arrange(given);
      const { dtype } = weight;
      if (list.shape.includes(0))
        return new Tensor(ops.broadcastTo(scalarLeaf(0, dtype), [list.shape[0]!, embeddingDim]));
      const rows = lookUp(weight, list, { paddingIdx, maxNorm, normType }, this.training);
      const factors = this.factors(given, options.perSampleWeights);
      const terms = factors ? ops.mul(rows, ops.unsqueeze(bags.arrange(factors), 2)) : rows;
      return new Tensor(this.joined(terms, this.counted(list, bags.inside)));
    });
  }

  private joined(terms: Node, counted: Node | undefined): Node {
    const [, size, width] = terms.shape as [number, number, number];
    const scalar = (value: number): Node => scalarLeaf(value, terms.dtype);
    const kept = (other: number): Node =>
      counted ? ops.where(ops.unsqueeze(counted, 2), terms, scalar(other)) : terms;
    if (this.mode === 'sum') return ops.sum(kept(0), [1]);
    const count = counted && ops.sum(counted, [1], true);
    if (this.mode === 'mean')
      return count ? ops.div(ops.sum(kept(0), [1]), ops.maximum(count, scalar(1))) : ops.mean(terms, [1]);
    // As pooling, whose gradient flows to the first maximum.
    const pooled = ops.maxPool2d(ops.unsqueeze(kept(Number.NEGATIVE_INFINITY), 1), { kernel: [size, 1] });
    const most = ops.reshape(pooled, [terms.shape[0]!, width]);
    return count ? ops.where(count, most, scalar(0)) : most;
  }

  /** 1 for the rows of a bag that count, 0 for padding and behind its end; undefined if all count. */
  private counted(list: Node, inside: Float32Array | undefined): Node | undefined {
    const { dtype } = this.weight;
    const within = inside && ops.cast(hostLeaf(inside, list.shape, 'float32'), dtype as 'float32');
    if (this.paddingIdx === undefined) return within;
    const padding = ops.equal(ops.cast(list, dtype as 'float32'), scalarLeaf(this.paddingIdx, dtype));
    const others = ops.affine(padding, { scale: -1, shift: 1 });
    return within ? ops.mul(within, others) : others;
  }

  private factors(index: Node, given: Tensor | undefined): Node | undefined {
    if (given === undefined) return undefined;
    if (this.mode !== 'sum')
      throw new UsageError({
        what: 'EmbeddingBag takes perSampleWeights for sums only',
        expected: "the mode 'sum'",
        got: shown(this.mode),
      });
    const node = nodeOf(this.typeName, given);
    if (node.shape.join() === index.shape.join()) return node;
    throw new ShapeError({
      what: 'EmbeddingBag got perSampleWeights that do not fit',
      expected: showShape(index.shape),
      got: showShape(node.shape),
    });
  }

  /** How an index becomes bags of equal size, [N, L], and which of their places are inside. */
  private bags(
    { shape }: Node,
    offsets: EmbeddingBagCall['offsets'],
  ): { readonly arrange: (of: Node) => Node; readonly inside?: Float32Array } {
    if (shape.length === 2 && offsets === undefined) return { arrange: (of) => of };
    if (shape.length !== 1 || offsets === undefined)
      throw new ShapeError({
        what: 'EmbeddingBag got an input that does not fit',
        expected: 'bags [N, L], or a list [L] with offsets',
        got: `${showShape(shape)} ${offsets === undefined ? 'without' : 'with'} offsets`,
      });
    const [length] = shape as [number];
    const starts = this.starts(offsets, length);
    const sizes = starts.slice(1).map((end, i) => end - starts[i]!);
    const most = Math.max(0, ...sizes);
    const inside = Float32Array.from({ length: sizes.length * most }, (_, k) =>
      k % most < sizes[Math.floor(k / most)]! ? 1 : 0,
    );
    // Places behind an end name the start of the bag again, or another place of the list, which count nowhere.
    const places = Int32Array.from(inside, (counts, k) => {
      const start = starts[Math.floor(k / most)]!;
      return counts ? start + (k % most) : Math.min(start, length - 1);
    });
    const arrange = (of: Node): Node =>
      ops.reshape(ops.indexSelect(of, hostLeaf(places, [places.length], 'int32'), 0), [sizes.length, most]);
    return { arrange, inside };
  }

  /** The offsets, and the end of the last bag. @throws UsageError */
  private starts(offsets: ArrayLike<number> | Tensor, length: number): number[] {
    const known: unknown = offsets instanceof Tensor ? knownValues(offsets) : offsets;
    const given =
      Array.isArray(known) || ArrayBuffer.isView(known) ? Array.from(known as number[]) : undefined;
    const list = given && (this.includeLastOffset ? given : [...given, length]);
    const fits =
      list &&
      list.length > 1 &&
      list[0] === 0 &&
      list.at(-1) === length &&
      list.every((at, i) => Number.isInteger(at) && (i === 0 || at >= list[i - 1]!));
    if (fits) return list;
    throw new UsageError({
      what: 'EmbeddingBag got bad offsets',
      expected: this.includeLastOffset
        ? `integers in rising order, from 0 to ${length}`
        : `integers in rising order, from 0, of at most ${length}`,
      got: given ? `[${given.slice(0, 8).join(', ')}${given.length > 8 ? ', …' : ''}]` : shown(offsets),
      ...(offsets instanceof Tensor && !given ? { next: 'pass an array: await its data()' } : {}),
    });
  }

  protected override extraRepr(): string {
    const { maxNorm, normType, mode, paddingIdx } = this;
    let text = `${this.numEmbeddings}, ${this.embeddingDim}`;
    if (maxNorm !== undefined) text += `, max_norm=${maxNorm}`;
    if (normType !== 2) text += `, norm_type=${normType}`;
    text += `, mode='${mode}'`;
    return paddingIdx === undefined ? text : `${text}, padding_idx=${paddingIdx}`;
  }
}
