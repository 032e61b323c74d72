import { arange, cat, checkOptionNames, nn, Parameter, type Tensor, UsageError } from 'paperweight/core';

/** Kinds of position embeddings (appendix D.4). */
export const POSITIONS = ['none', '1d', '2d'] as const;
export type Positions = (typeof POSITIONS)[number];

export interface ViTOptions {
  numClasses?: number;
  /** Side of the square images in pixels; default 32. */
  imageSize?: number;
  /** Side of a patch in pixels; default 4. */
  patch?: number;
  /** Features of a token; default 48. */
  width?: number;
  /** Encoder layers; default 4. */
  depth?: number;
  /** Default 4. */
  heads?: number;
  /** Hidden units of the two-layer networks; default 2 · width. */
  hidden?: number;
  dropout?: number;
  positions?: Positions;
}

const OPTIONS = [
  'numClasses',
  'imageSize',
  'patch',
  'width',
  'depth',
  'heads',
  'hidden',
  'dropout',
  'positions',
];

/**
 * The vision transformer (Dosovitskiy et al. 2021, section 3.1): patches as tokens, a class token, learned positions, and
 * a transformer's encoder with layer normalisation before each part. [N, 3, S, S] → logits [N, numClasses].
 *
 * @throws UsageError for an unknown option, and patches that do not divide the image
 */
export class ViT extends nn.Module {
  /** Equal to a linear layer on flattened patches. */
  readonly embed: nn.Conv2d;
  readonly classToken: Parameter;
  readonly place: PositionEmbedding;
  readonly drop: nn.Dropout;
  readonly layers: nn.Sequential;
  readonly norm: nn.LayerNorm;
  readonly head: nn.Linear;

  constructor(options: ViTOptions = {}) {
    super();
    checkOptionNames('ViT', options, OPTIONS);
    const { numClasses = 10, imageSize = 32, patch = 4, width = 48, depth = 4, heads = 4 } = options;
    const { hidden = 2 * width, dropout = 0, positions = '1d' } = options;
    const side = imageSize / patch;
    if (!Number.isInteger(side) || side < 1)
      throw new UsageError({
        what: `ViT cannot cut ${imageSize} pixels into patches of ${patch}`,
        expected: 'patches that divide the image',
        got: `${side.toFixed(2)} patches a side`,
      });
    this.embed = new nn.Conv2d(3, width, patch, { stride: patch });
    this.classToken = new Parameter(new Float32Array(width), [1, 1, width]);
    this.place = new PositionEmbedding(side, width, positions);
    this.drop = new nn.Dropout(dropout);
    const layers = Array.from({ length: depth }, () => new Layer(width, heads, hidden, dropout));
    this.layers = new nn.Sequential(...layers);
    this.norm = new nn.LayerNorm(width);
    this.head = new nn.Linear(width, numClasses);
    nn.init.truncNormal(this.embed.weight, { std: 0.02 });
    for (const table of this.place.parameters()) nn.init.normal(table, { std: 0.02 });
    // Section 3.2: a head for a new task starts at zero.
    nn.init.zeros(this.head.weight);
  }

  /** Patches with their position embeddings behind the class token (equation 1): [N, 1 + patches, width]. */
  tokens(x: Tensor): Tensor {
    const patches = this.embed.forward(x).flatten(2).transpose(1, 2);
    const [n, , width] = patches.shape as [number, number, number];
    return this.drop.forward(this.place.forward(cat([this.classToken.expand(n, 1, width), patches], 1)));
  }

  forward(x: Tensor): Tensor {
    const encoded = this.layers.forward(this.tokens(x));
    return this.head.forward(this.norm.forward(encoded.select(1, 0)));
  }

  /** The attention weights of each layer: [N, heads, 1 + patches, 1 + patches]. */
  attention(x: Tensor): Tensor[] {
    let tokens = this.tokens(x);
    return [...this.layers].map((module) => {
      const layer = module as Layer;
      const weights = layer.weights(tokens);
      tokens = layer.forward(tokens);
      return weights;
    });
  }
}

/** Adds a position embedding to each token, also to the class token. */
class PositionEmbedding extends nn.Module {
  /** [1, 1 + patches, width] */
  readonly table: Parameter | null;
  /** Half of the features for each direction: [side, width / 2]. */
  readonly rows: Parameter | null;
  readonly columns: Parameter | null;

  constructor(
    readonly side: number,
    width: number,
    kind: Positions,
  ) {
    super();
    const zeros = (...shape: number[]): Parameter =>
      new Parameter(new Float32Array(shape.reduce((a, b) => a * b)), shape);
    this.table = kind === '1d' ? zeros(1, 1 + side * side, width) : null;
    this.rows = kind === '2d' ? zeros(side, width / 2) : null;
    this.columns = kind === '2d' ? zeros(side, width / 2) : null;
  }

  forward(tokens: Tensor): Tensor {
    const [, count, width] = tokens.shape as [number, number, number];
    if (this.table) return tokens.add(this.table);
    const embeddings = this.ofPatches();
    if (!embeddings) return tokens;
    const patches = tokens.narrow(1, 1, count - 1).add(embeddings.reshape(1, count - 1, width));
    return cat([tokens.narrow(1, 0, 1), patches], 1);
  }

  /** One vector for each patch, [patches, width]; null without position embeddings. */
  ofPatches(): Tensor | null {
    const { side, table, rows, columns } = this;
    if (table) return table.reshape(1 + side * side, table.shape[2]!).narrow(0, 1, side * side);
    if (!rows || !columns) return null;
    const half = rows.shape[1]!;
    const both = [rows.unsqueeze(1).expand(side, side, half), columns.unsqueeze(0).expand(side, side, half)];
    return cat(both, 2).reshape(side * side, 2 * half);
  }
}

/** Equations 2 and 3: attention and a two-layer network, each behind a normalisation and beside a shortcut. */
class Layer extends nn.Module {
  readonly norm1: nn.LayerNorm;
  readonly attention: nn.MultiheadAttention;
  readonly norm2: nn.LayerNorm;
  readonly mlp: nn.Sequential;
  readonly drop: nn.Dropout;

  constructor(width: number, heads: number, hidden: number, dropout: number) {
    super();
    this.norm1 = new nn.LayerNorm(width, { eps: 1e-6 });
    this.attention = new nn.MultiheadAttention(width, heads, { batchFirst: true });
    this.norm2 = new nn.LayerNorm(width, { eps: 1e-6 });
    this.mlp = new nn.Sequential(
      new nn.Linear(width, hidden),
      new nn.GELU(),
      new nn.Dropout(dropout),
      new nn.Linear(hidden, width),
    );
    this.drop = new nn.Dropout(dropout);
  }

  forward(x: Tensor): Tensor {
    const normed = this.norm1.forward(x);
    const [attended] = this.attention.forward(normed, normed, normed, { needWeights: false });
    const y = x.add(this.drop.forward(attended));
    return y.add(this.drop.forward(this.mlp.forward(this.norm2.forward(y))));
  }

  /** Attention weights of each head. */
  weights(x: Tensor): Tensor {
    const normed = this.norm1.forward(x);
    const [, weights] = this.attention.forward(normed, normed, normed, { averageAttnWeights: false });
    return weights!;
  }
}

/** Distances between the centres of patches in pixels, [patches, patches]. */
export function distances(side: number, patch: number): Tensor {
  const at = arange(0, side * side).toFloat();
  const row = at.div(side).floor();
  const column = at.sub(row.mul(side));
  const squares = [row, column].map((x) => x.unsqueeze(0).sub(x.unsqueeze(1)).square());
  return squares[0]!.add(squares[1]!).sqrt().mul(patch);
}

/** The number of parameters of a vision transformer, without building it. */
export function parametersOf({
  imageSize,
  patch,
  width,
  depth,
  hidden,
  numClasses,
}: Required<Pick<ViTOptions, 'imageSize' | 'patch' | 'width' | 'depth' | 'hidden' | 'numClasses'>>): number {
  const linear = (from: number, to: number): number => from * to + to;
  const layer =
    linear(width, 3 * width) + linear(width, width) + linear(width, hidden) + linear(hidden, width);
  const embedding = linear(3 * patch ** 2, width) + width + (1 + (imageSize / patch) ** 2) * width;
  const head = numClasses === 0 ? 0 : linear(width, numClasses);
  return embedding + depth * (layer + 4 * width) + 2 * width + head;
}
