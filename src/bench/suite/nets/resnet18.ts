import { nn, type Tensor } from '../../../core.js';
import type { Net } from './net.js';

const conv = (from: number, to: number, kernel: number, stride = 1) =>
  new nn.Conv2d(from, to, kernel, { stride, padding: (kernel - 1) / 2, bias: false });

class Block extends nn.Module {
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly shortcut: nn.Sequential;

  constructor(from: number, to: number) {
    super();
    const stride = to / from;
    this.conv1 = conv(from, to, 3, stride);
    this.bn1 = new nn.BatchNorm2d(to);
    this.conv2 = conv(to, to, 3);
    this.bn2 = new nn.BatchNorm2d(to);
    this.shortcut = new nn.Sequential();
    if (stride > 1) this.shortcut = new nn.Sequential(conv(from, to, 1, stride), new nn.BatchNorm2d(to));
  }

  forward(x: Tensor): Tensor {
    const h = this.bn1.forward(this.conv1.forward(x)).relu();
    return this.bn2.forward(this.conv2.forward(h)).add(this.shortcut.forward(x)).relu();
  }
}

class ResNet18 extends nn.Module {
  readonly features = new nn.Sequential(
    conv(3, 64, 3),
    new nn.BatchNorm2d(64),
    new nn.ReLU(),
    ...[64, 64, 128, 128, 256, 256, 512, 512].map((to, i, all) => new Block(all[i - 1] ?? 64, to)),
  );
  readonly fc = new nn.Linear(512, 10);

  forward(x: Tensor): Tensor {
    return this.fc.forward(this.features.forward(x).mean([2, 3]));
  }
}

export const resnet18: Net = {
  batch: 64,
  inputs: (n) => [{ shape: [n, 3, 32, 32] }, { shape: [n], below: 10 }],
  build: () => new ResNet18(),
  loss: (model: ResNet18, x, y) => nn.functional.crossEntropy(model.forward(x), y),
};
