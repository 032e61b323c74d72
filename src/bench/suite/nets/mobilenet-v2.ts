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

/** The rows of table 2 of arXiv:1801.04381, with two strides fewer for 32 × 32. */
const CHANNELS = [16, 24, 32, 64, 96, 160, 320];
const BLOCKS = [1, 2, 3, 4, 3, 3, 1];
const STRIDES = [1, 1, 2, 2, 1, 2, 1];

const blocks = (to: number, row: number): nn.Module[] =>
  Array.from({ length: BLOCKS[row]! }, (_, i) =>
    i === 0
      ? new Inverted(CHANNELS[row - 1] ?? 32, to, STRIDES[row]!, row === 0 ? 1 : 6)
      : new Inverted(to, to, 1, 6),
  );

class MobileNetV2 extends nn.Module {
  readonly features = new nn.Sequential(
    ...unit(3, 32, 3),
    ...CHANNELS.flatMap(blocks),
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
