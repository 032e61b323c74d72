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

const stage = (from: number, to: number, count: number, stride: number, expand = 6): nn.Module[] =>
  Array.from({ length: count }, (_, i) => new Inverted(i ? to : from, to, i ? 1 : stride, expand));

/** Table 2 of arXiv:1801.04381, with two strides fewer for 32 × 32. */
class MobileNetV2 extends nn.Module {
  readonly features = new nn.Sequential(
    ...unit(3, 32, 3),
    ...stage(32, 16, 1, 1, 1),
    ...stage(16, 24, 2, 1),
    ...stage(24, 32, 3, 2),
    ...stage(32, 64, 4, 2),
    ...stage(64, 96, 3, 1),
    ...stage(96, 160, 3, 2),
    ...stage(160, 320, 1, 1),
    ...unit(320, 1280, 1),
  );
  readonly classifier = new nn.Linear(1280, 10);

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
