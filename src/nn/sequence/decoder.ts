import { checkOptionNames } from '../../errors/arguments.js';
import type { Tensor } from '../../tensor/tensor.js';
import { nodeOf } from '../arguments.js';
import { Dropout } from '../dropout.js';
import { withoutInit, xavierUniform } from '../init.js';
import { LayerNorm } from '../layer-norm.js';
import { Linear } from '../linear.js';
import { Module } from '../module.js';
import { MultiheadAttention } from './multihead.js';
import {
  attended,
  checkNorm,
  copiesOf,
  type EncoderLayerOptions,
  LAYER_OPTIONS,
  layerOptions,
  TransformerEncoder,
  TransformerEncoderLayer,
} from './transformer.js';

/** Options of {@link TransformerDecoderLayer}: those of an encoder layer. */
export type DecoderLayerOptions = EncoderLayerOptions;

/** Options of a forward pass of a decoder; masks are those of {@link MultiheadAttention}. */
export type DecoderCall = {
  /** [T, T], of the target's attention to itself. */
  tgtMask?: Tensor;
  /** [T, S], of its attention to the memory. */
  memoryMask?: Tensor;
  /** [N, T] */
  tgtKeyPaddingMask?: Tensor;
  /** [N, S] */
  memoryKeyPaddingMask?: Tensor;
  /** Position i of the target attends only to its positions 0 to i. */
  tgtIsCausal?: boolean;
  /** Position i of the target attends only to the positions 0 to i of the memory. */
  memoryIsCausal?: boolean;
};

const CALL = [
  'tgtMask',
  'memoryMask',
  'tgtKeyPaddingMask',
  'memoryKeyPaddingMask',
  'tgtIsCausal',
  'memoryIsCausal',
];

/**
 * One layer of a transformer's decoder (arXiv:1706.03762, section 3.1): attention to the target itself, attention to the
 * memory, which is an encoder's result, and a feed-forward network, each with a residual connection and layer
 * normalisation. The result has the target's shape.
 *
 * @throws UsageError if an option is not valid
 */
export class TransformerDecoderLayer extends Module {
  readonly selfAttn: MultiheadAttention;
  readonly multiheadAttn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly norm3: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly dropout3: Dropout;
  readonly normFirst: boolean;
  private readonly options: DecoderLayerOptions;
  private readonly activation: (x: Tensor) => Tensor;

  constructor(
    readonly dModel: number,
    readonly nhead: number,
    options: DecoderLayerOptions = {},
  ) {
    super();
    const checked = layerOptions('TransformerDecoderLayer', dModel, nhead, options);
    const { dimFeedforward, dropout, layerNormEps, batchFirst, normFirst, bias } = checked;
    this.options = options;
    this.activation = checked.activation;
    const attention = () => new MultiheadAttention(dModel, nhead, { dropout, batchFirst, bias });
    const norm = () => new LayerNorm(dModel, { eps: layerNormEps, bias });
    this.selfAttn = attention();
    this.multiheadAttn = attention();
    this.linear1 = new Linear(dModel, dimFeedforward, { bias });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias });
    [this.norm1, this.norm2, this.norm3] = [norm(), norm(), norm()];
    const drop = () => new Dropout(dropout);
    [this.dropout1, this.dropout2, this.dropout3] = [drop(), drop(), drop()];
    this.normFirst = normFirst;
  }

  /** @param target [N, T, E] (batch first) or [T, N, E] @param memory the same with S positions */
  forward(target: Tensor, memory: Tensor, options: DecoderCall = {}): Tensor {
    checkOptionNames(this.typeName, options, CALL);
    return this.scoped(() => {
      nodeOf(this.typeName, target);
      nodeOf(this.typeName, memory);
      const { norm1, norm2, norm3, normFirst } = this;
      const parts: readonly (readonly [LayerNorm, (x: Tensor) => Tensor])[] = [
        [norm1, (x) => this.dropout1.forward(this.toItself(x, options))],
        [norm2, (x) => this.dropout2.forward(this.toMemory(x, memory, options))],
        [norm3, (x) => this.feedForward(x)],
      ];
      return parts.reduce(
        (x, [norm, part]) => (normFirst ? x.add(part(norm.forward(x))) : norm.forward(x.add(part(x)))),
        target,
      );
    });
  }

  private toItself(x: Tensor, { tgtMask, tgtKeyPaddingMask, tgtIsCausal = false }: DecoderCall): Tensor {
    return attended(this.selfAttn, [x, x], tgtMask, tgtKeyPaddingMask, tgtIsCausal);
  }

  private toMemory(
    x: Tensor,
    memory: Tensor,
    { memoryMask, memoryKeyPaddingMask, memoryIsCausal = false }: DecoderCall,
  ): Tensor {
    return attended(this.multiheadAttn, [x, memory], memoryMask, memoryKeyPaddingMask, memoryIsCausal);
  }

  private feedForward(x: Tensor): Tensor {
    const inner = this.dropout.forward(this.activation(this.linear1.forward(x)));
    return this.dropout3.forward(this.linear2.forward(inner));
  }

  /** A layer with the same options and a copy of the weights. */
  copy(): TransformerDecoderLayer {
    const made = withoutInit(() => new TransformerDecoderLayer(this.dModel, this.nhead, this.options));
    made.loadStateDict(this.stateDict());
    return made;
  }
}

/**
 * Several decoder layers one after another, each of which begins as a copy of the given one, as in PyTorch.
 *
 * @param options `norm`: a normalisation of the result, for layers that normalise first
 */
export class TransformerDecoder extends Module {
  readonly layers: readonly TransformerDecoderLayer[];
  readonly norm: Module | null;

  constructor(decoderLayer: TransformerDecoderLayer, numLayers: number, options: { norm?: Module } = {}) {
    super();
    checkOptionNames('TransformerDecoder', options, ['norm']);
    this.layers = copiesOf('TransformerDecoder', TransformerDecoderLayer, decoderLayer, numLayers);
    this.norm = checkNorm('TransformerDecoder', options.norm);
  }

  forward(target: Tensor, memory: Tensor, options: DecoderCall = {}): Tensor {
    checkOptionNames('TransformerDecoder', options, CALL);
    const y = this.layers.reduce((z, layer) => layer.forward(z, memory, options), target);
    return this.norm ? this.norm.forward(y) : y;
  }
}

/** Options of {@link Transformer}. */
export interface TransformerOptions extends EncoderLayerOptions {
  /** 512 by default. */
  dModel?: number;
  /** 8 by default. */
  nhead?: number;
  /** 6 by default. */
  numEncoderLayers?: number;
  /** 6 by default. */
  numDecoderLayers?: number;
}

const OPTIONS = ['dModel', 'nhead', 'numEncoderLayers', 'numDecoderLayers', ...LAYER_OPTIONS];

/** Options of a forward pass of {@link Transformer}: those of a decoder, and of the source. */
export type TransformerCall = DecoderCall & {
  /** [S, S] */
  srcMask?: Tensor;
  /** [N, S] */
  srcKeyPaddingMask?: Tensor;
  srcIsCausal?: boolean;
};

/**
 * The transformer (arXiv:1706.03762): an encoder and a decoder, each with a last layer normalisation. Weights are
 * Xavier-uniform, as in PyTorch.
 *
 * @example
 * const transformer = new Transformer({ dModel: 128, nhead: 4, numEncoderLayers: 2, numDecoderLayers: 2 });
 * transformer.forward(source, target, { tgtIsCausal: true }); // [S, N, 128] and [T, N, 128] → [T, N, 128]
 */
export class Transformer extends Module {
  readonly encoder: TransformerEncoder;
  readonly decoder: TransformerDecoder;

  constructor(options: TransformerOptions = {}) {
    super();
    checkOptionNames('Transformer', options, OPTIONS);
    const { dModel = 512, nhead = 8, numEncoderLayers = 6, numDecoderLayers = 6, ...others } = options;
    const { layerNormEps, bias } = layerOptions('Transformer', dModel, nhead, others);
    const norm = () => new LayerNorm(dModel, { eps: layerNormEps, bias });
    const encoder = new TransformerEncoderLayer(dModel, nhead, others);
    this.encoder = new TransformerEncoder(encoder, numEncoderLayers, { norm: norm() });
    const decoder = new TransformerDecoderLayer(dModel, nhead, others);
    this.decoder = new TransformerDecoder(decoder, numDecoderLayers, { norm: norm() });
    for (const parameter of this.parameters()) if (parameter.shape.length > 1) xavierUniform(parameter);
  }

  /** @param source [N, S, E] (batch first) or [S, N, E] @param target the same with T positions */
  forward(source: Tensor, target: Tensor, options: TransformerCall = {}): Tensor {
    checkOptionNames('Transformer', options, [...CALL, 'srcMask', 'srcKeyPaddingMask', 'srcIsCausal']);
    const { srcMask, srcKeyPaddingMask, srcIsCausal = false, ...others } = options;
    const memory = this.encoder.forward(source, {
      isCausal: srcIsCausal,
      ...(srcMask ? { mask: srcMask } : {}),
      ...(srcKeyPaddingMask ? { srcKeyPaddingMask } : {}),
    });
    return this.decoder.forward(target, memory, others);
  }
}
