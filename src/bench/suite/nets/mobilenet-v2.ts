import { nn, type Tensor } from '../../../core.js';
import type { Net } from './net.js';

const unit = (from: number, to: number, kernel: number, stride = 1, groups = 1) => [
  new nn.Conv2d(from, to, kernel, { stride, padding: (kernel - 1) / 2, groups, bias: false }),
  new nn.BatchNorm2d(to),
  new nn.ReLU6(),
];

class Inverted extends nn.Module {
  readonly layers: nn.Sequential;
  readonly residual: boolean;

  constructor(from: number, to: number, stride: number, expand: number) {
    super();
    const hidden = from * expand;
    this.residual = stride === 1 && from === to;
    this.layers = new nn.Sequential(
      ...(expand === 1 ? [] : unit(from, hidden, 1)),
      ...unit(hidden, hidden, 3, stride, hidden),
      new nn.Conv2d(hidden, to, 1, { bias: false }),
      new nn.BatchNorm2d(to),
    );
  }

  forward(x: Tensor): Tensor {
    return this.residual ? x.add(this.layers.forward(x)) : this.layers.forward(x);
  }
}

/** Expansion, channels, blocks, first stride: table 2 of arXiv:1801.04381, with two strides fewer for 32 × 32. */
const TABLE = [
  [1, 16, 1, 1],
  [6, 24, 2, 1],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

class MobileNetV2 extends nn.Module {
  readonly features: nn.Sequential;
  readonly classifier = new nn.Linear(1280, 10);

  constructor() {
    super();
    const blocks: nn.Module[] = [];
    let from = 32;
    for (const [expand, to, count, stride] of TABLE)
      for (let i = 0; i < count; i++) {
        blocks.push(new Inverted(from, to, i === 0 ? stride : 1, expand));
        from = to;
      }
    this.features = new nn.Sequential(...unit(3, 32, 3), ...blocks, ...unit(320, 1280, 1));
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x).mean([2, 3]));
  }
}

export const mobilenetV2: Net = {
  batch: 64,
  inputs: (n) => [{ shape: [n, 3, 32, 32] }, { shape: [n], below: 10 }],
  build: () => new MobileNetV2(),
  loss: (model: MobileNetV2, x, y) => nn.functional.crossEntropy(model.forward(x), y),
};
