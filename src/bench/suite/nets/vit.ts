import { cat, nn, Parameter, type Tensor } from '../../../core.js';
import type { Net } from './net.js';

const [WIDTH, HEADS, LAYERS, PATCH] = [96, 4, 4, 4];
const PATCHES = (32 / PATCH) ** 2;

/** arXiv:2010.11929. */
class ViT extends nn.Module {
  readonly patches = new nn.Conv2d(3, WIDTH, PATCH, { stride: PATCH });
  readonly cls = new Parameter(new Float32Array(WIDTH), [1, 1, WIDTH]);
  readonly positions = new Parameter(new Float32Array((PATCHES + 1) * WIDTH), [1, PATCHES + 1, WIDTH]);
  readonly layers = new nn.Sequential(
    ...Array.from(
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
  readonly head = new nn.Linear(WIDTH, 10);

  forward(x: Tensor): Tensor {
    const tokens = this.patches.forward(x).flatten(2).transpose(1, 2);
    const all = cat([this.cls.expand(x.shape[0]!, 1, WIDTH), tokens], 1).add(this.positions);
    return this.head.forward(this.norm.forward(this.layers.forward(all)).select(1, 0));
  }
}

export const vit: Net = {
  batch: 64,
  inputs: (n) => [{ shape: [n, 3, 32, 32] }, { shape: [n], below: 10 }],
  build: () => new ViT(),
  loss: (model: ViT, x, y) => nn.functional.crossEntropy(model.forward(x), y),
};
