import { arange, nn, type Tensor } from '../../../core.js';
import type { Net } from './net.js';

const [SYMBOLS, LENGTH, WIDTH, HEADS, LAYERS] = [64, 64, 128, 4, 4];

/** A causal transformer whose output layer shares the embedding's weights. */
class Gpt extends nn.Module {
  readonly tokens = new nn.Embedding(SYMBOLS, WIDTH);
  readonly positions = new nn.Embedding(LENGTH, WIDTH);
  readonly layers = new nn.ModuleList(
    Array.from(
      { length: LAYERS },
      () =>
        new nn.TransformerEncoderLayer(WIDTH, HEADS, {
          dimFeedforward: 4 * WIDTH,
          dropout: 0,
          activation: 'gelu',
          batchFirst: true,
          normFirst: true,
        }),
    ),
  );
  readonly norm = new nn.LayerNorm(WIDTH);

  forward(ids: Tensor): Tensor {
    let x = this.tokens.forward(ids).add(this.positions.forward(arange(LENGTH)));
    for (const layer of this.layers) x = layer.forward(x, { isCausal: true });
    return this.norm.forward(x).matmul(this.tokens.weight.transpose(0, 1));
  }
}

export const gpt: Net = {
  batch: 64,
  inputs: (n) => [
    { shape: [n, LENGTH], below: SYMBOLS },
    { shape: [n * LENGTH], below: SYMBOLS },
  ],
  build: () => new Gpt(),
  loss: (model: Gpt, ids, next) => nn.functional.crossEntropy(model.forward(ids).flatten(0, 1), next),
};
