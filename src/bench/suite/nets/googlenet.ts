import { cat, nn, type Tensor } from '../../../core.js';
import type { Net } from './net.js';

const conv = (from: number, to: number, kernel: number) =>
  new nn.Sequential(new nn.Conv2d(from, to, kernel, { padding: (kernel - 1) / 2 }), new nn.ReLU());

/** @param to channels of the 1×1 branch, before and in the 3×3 branch, before and in the 5×5 branch, after pooling */
class Inception extends nn.Module {
  readonly branches: nn.ModuleList;

  constructor(from: number, to: readonly [number, number, number, number, number, number]) {
    super();
    this.branches = new nn.ModuleList([
      conv(from, to[0], 1),
      new nn.Sequential(conv(from, to[1], 1), conv(to[1], to[2], 3)),
      new nn.Sequential(conv(from, to[3], 1), conv(to[3], to[4], 5)),
      new nn.Sequential(new nn.MaxPool2d(3, { stride: 1, padding: 1 }), conv(from, to[5], 1)),
    ]);
  }

  forward(x: Tensor): Tensor {
    return cat(
      [...this.branches].map((branch) => branch.forward(x) as Tensor),
      1,
    );
  }
}

const auxiliary = (from: number) =>
  new nn.Sequential(
    conv(from, 128, 1),
    new nn.Flatten(),
    new nn.Linear(2048, 256),
    new nn.ReLU(),
    new nn.Linear(256, 10),
  );

/** arXiv:1409.4842 with a stem for 32 × 32 images, without dropout. Returns the logits of all three classifiers. */
class GoogLeNet extends nn.Module<[Tensor, Tensor, Tensor]> {
  readonly pool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
  readonly stem = new nn.Sequential(conv(3, 64, 3), this.pool, conv(64, 64, 1), conv(64, 192, 3), this.pool);
  readonly a3 = new Inception(192, [64, 96, 128, 16, 32, 32]);
  readonly b3 = new Inception(256, [128, 128, 192, 32, 96, 64]);
  readonly a4 = new Inception(480, [192, 96, 208, 16, 48, 64]);
  readonly b4 = new Inception(512, [160, 112, 224, 24, 64, 64]);
  readonly c4 = new Inception(512, [128, 128, 256, 24, 64, 64]);
  readonly d4 = new Inception(512, [112, 144, 288, 32, 64, 64]);
  readonly e4 = new Inception(528, [256, 160, 320, 32, 128, 128]);
  readonly a5 = new Inception(832, [256, 160, 320, 32, 128, 128]);
  readonly b5 = new Inception(832, [384, 192, 384, 48, 128, 128]);
  readonly first = auxiliary(512);
  readonly second = auxiliary(528);
  readonly fc = new nn.Linear(1024, 10);

  forward(x: Tensor): [Tensor, Tensor, Tensor] {
    const four = this.a4.forward(this.pool.forward(this.b3.forward(this.a3.forward(this.stem.forward(x)))));
    const seven = this.d4.forward(this.c4.forward(this.b4.forward(four)));
    const last = this.b5.forward(this.a5.forward(this.pool.forward(this.e4.forward(seven))));
    return [this.fc.forward(last.mean([2, 3])), this.first.forward(four), this.second.forward(seven)];
  }
}

export const googlenet: Net = {
  batch: 64,
  inputs: (n) => [{ shape: [n, 3, 32, 32] }, { shape: [n], below: 10 }],
  build: () => new GoogLeNet(),
  loss: (model: GoogLeNet, x, y) => {
    const [main, first, second] = model.forward(x).map((logits) => nn.functional.crossEntropy(logits, y));
    return main!.add(first!.add(second!).mul(0.3));
  },
};
