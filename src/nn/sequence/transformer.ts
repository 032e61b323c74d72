import { checkBooleans, checkNumber, checkOptionNames, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import * as ops from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkCounts, nodeOf } from '../arguments.js';
import { Dropout } from '../dropout.js';
import { withoutInit } from '../init.js';
import { LayerNorm } from '../layer-norm.js';
import { Linear } from '../linear.js';
import { Module } from '../module.js';
import { MultiheadAttention } from './multihead.js';

/** Options of {@link TransformerEncoderLayer}. */
export interface EncoderLayerOptions {
  dimFeedforward?: number;
  dropout?: number;
  activation?: 'relu' | 'gelu' | ((x: Tensor) => Tensor);
  layerNormEps?: number;
  /** Whether inputs are [N, T, E]; otherwise [T, N, E]. */
  batchFirst?: boolean;
  /** Whether normalisation comes before each part instead of after it (pre-norm). */
  normFirst?: boolean;
  bias?: boolean;
}

export const LAYER_OPTIONS: readonly string[] = [
  'dimFeedforward',
  'dropout',
  'activation',
  'layerNormEps',
  'batchFirst',
  'normFirst',
  'bias',
];

/** Options of a forward pass; masks are those of {@link MultiheadAttention}. */
export type EncoderCall = {
  /** [T, T] */
  mask?: Tensor;
  /** [N, T] */
  srcKeyPaddingMask?: Tensor;
  /** Position i attends only to the positions 0 to i. */
  isCausal?: boolean;
};

const CALL = ['mask', 'srcKeyPaddingMask', 'isCausal'];

/**
 * One layer of a transformer's encoder (arXiv:1706.03762, section 3.1): self-attention and a feed-forward network of
 * two layers, each with a residual connection and layer normalisation. The result has the input's shape.
 *
 * @throws UsageError if an option is not valid
 */
export class TransformerEncoderLayer extends Module {
  readonly selfAttn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly normFirst: boolean;
  private readonly options: EncoderLayerOptions;
  private readonly activation: (x: Tensor) => Tensor;

  constructor(
    readonly dModel: number,
    readonly nhead: number,
    options: EncoderLayerOptions = {},
  ) {
    super();
    const checked = layerOptions('TransformerEncoderLayer', dModel, nhead, options);
    const { dimFeedforward, dropout, layerNormEps, batchFirst, normFirst, bias } = checked;
    this.options = options;
    this.activation = checked.activation;
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, bias });
    this.linear1 = new Linear(dModel, dimFeedforward, { bias });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias });
    this.norm1 = new LayerNorm(dModel, { eps: layerNormEps, bias });
    this.norm2 = new LayerNorm(dModel, { eps: layerNormEps, bias });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.normFirst = normFirst;
  }

  forward(x: Tensor, options: EncoderCall = {}): Tensor {
    checkOptionNames(this.typeName, options, CALL);
    return this.scoped(() => {
      nodeOf(this.typeName, x);
      const { norm1, norm2 } = this;
      if (this.normFirst) {
        const y = x.add(this.attention(norm1.forward(x), options));
        return y.add(this.feedForward(norm2.forward(y)));
      }
      const y = norm1.forward(x.add(this.attention(x, options)));
      return norm2.forward(y.add(this.feedForward(y)));
    });
  }

  private attention(x: Tensor, { mask, srcKeyPaddingMask, isCausal = false }: EncoderCall): Tensor {
    return this.dropout1.forward(attended(this.selfAttn, [x, x], mask, srcKeyPaddingMask, isCausal));
  }

  private feedForward(x: Tensor): Tensor {
    const inner = this.dropout.forward(this.activation(this.linear1.forward(x)));
    return this.dropout2.forward(this.linear2.forward(inner));
  }

  /** A layer with the same options and a copy of the weights. */
  copy(): TransformerEncoderLayer {
    const made = withoutInit(() => new TransformerEncoderLayer(this.dModel, this.nhead, this.options));
    made.loadStateDict(this.stateDict());
    return made;
  }
}

/** The result of an attention without its weights; of the masks, those that are given. */
export function attended(
  attention: MultiheadAttention,
  [query, keys]: readonly [Tensor, Tensor],
  mask: Tensor | undefined,
  padding: Tensor | undefined,
  isCausal: boolean,
): Tensor {
  const [y] = attention.forward(query, keys, keys, {
    needWeights: false,
    isCausal,
    ...(mask ? { attnMask: mask } : {}),
    ...(padding ? { keyPaddingMask: padding } : {}),
  });
  return y;
}

/** Options of a layer of a transformer with their defaults, checked. @throws UsageError */
export function layerOptions(
  name: string,
  dModel: number,
  nhead: number,
  options: EncoderLayerOptions,
): Required<EncoderLayerOptions> & { readonly activation: (x: Tensor) => Tensor } {
  checkOptionNames(name, options, LAYER_OPTIONS);
  const { dimFeedforward = 2048, dropout = 0.1, activation = 'relu', layerNormEps = 1e-5 } = options;
  const { batchFirst = false, normFirst = false, bias = true } = options;
  checkCounts(name, { dModel, nhead, dimFeedforward }, 1);
  checkBooleans(name, { batchFirst, normFirst, bias });
  checkNumber(name, 'dropout', dropout, { least: 0, most: 0.999999, expected: 'a probability in [0, 1)' });
  const apply = activationOf(name, activation);
  return { dimFeedforward, dropout, activation: apply, layerNormEps, batchFirst, normFirst, bias };
}

function activationOf(layer: string, given: unknown): (x: Tensor) => Tensor {
  if (given === 'relu') return (x) => x.relu();
  if (given === 'gelu') return (x) => new Tensor(ops.gelu(x.node));
  if (typeof given === 'function') return given as (x: Tensor) => Tensor;
  throw new UsageError({
    what: `${layer} got a bad activation`,
    expected: "'relu', 'gelu' or a function",
    got: shown(given),
  });
}

/** Copies of a layer for {@link TransformerEncoder} or {@link TransformerDecoder}. @throws UsageError */
export function copiesOf<L extends { copy(): L }>(
  owner: string,
  Layer: abstract new (...args: never[]) => L,
  layer: L,
  numLayers: number,
): readonly L[] {
  checkCounts(owner, { numLayers }, 1);
  if (!(layer instanceof Layer))
    throw new UsageError({
      what: `${owner} copies a layer of its kind`,
      expected: `a ${Layer.name}`,
      got: shown(layer),
    });
  return Array.from({ length: numLayers }, () => layer.copy());
}

/**
 * Several encoder layers one after another, each of which begins as a copy of the given one, as in PyTorch.
 *
 * @param options `norm`: a normalisation of the result, for layers that normalise first
 * @example
 * const layer = new TransformerEncoderLayer(192, 3, { batchFirst: true, normFirst: true });
 * new TransformerEncoder(layer, 6, { norm: new LayerNorm(192) }).forward(x, { isCausal: true });
 */
export class TransformerEncoder extends Module {
  readonly layers: readonly TransformerEncoderLayer[];
  readonly norm: Module | null;

  constructor(encoderLayer: TransformerEncoderLayer, numLayers: number, options: { norm?: Module } = {}) {
    super();
    checkOptionNames('TransformerEncoder', options, ['norm']);
    this.layers = copiesOf('TransformerEncoder', TransformerEncoderLayer, encoderLayer, numLayers);
    this.norm = checkNorm('TransformerEncoder', options.norm);
  }

  forward(x: Tensor, options: EncoderCall = {}): Tensor {
    checkOptionNames('TransformerEncoder', options, CALL);
    const y = this.layers.reduce((z, layer) => layer.forward(z, options), x);
    return this.norm ? this.norm.forward(y) : y;
  }
}

/** A normalisation of the result. @throws UsageError unless it is a module */
export function checkNorm(name: string, norm: unknown): Module | null {
  if (norm === undefined || norm === null) return null;
  if (norm instanceof Module) return norm as Module;
  throw new UsageError({
    what: `${name} got a bad norm`,
    expected: 'a module, such as new LayerNorm(512)',
    got: shown(norm),
  });
}
