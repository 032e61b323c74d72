import { cat, nn, type Tensor } from '../../../core.js';
import type { Net } from './net.js';

const GROWTH = 12;

/** Batch norm, ReLU and a convolution twice (arXiv:1608.06993, DenseNet-B). */
class Layer extends nn.Module {
  readonly layers: nn.Sequential;

  constructor(from: number) {
    super();
    this.layers = new nn.Sequential(
      new nn.BatchNorm2d(from),
      new nn.ReLU(),
      new nn.Conv2d(from, 4 * GROWTH, 1, { bias: false }),
      new nn.BatchNorm2d(4 * GROWTH),
      new nn.ReLU(),
      new nn.Conv2d(4 * GROWTH, GROWTH, 3, { padding: 1, bias: false }),
    );
  }

  forward(x: Tensor): Tensor {
    return cat([x, this.layers.forward(x)], 1);
  }
}

class DenseNet extends nn.Module {
  readonly features: nn.Sequential;
  readonly classifier: nn.Linear;

  constructor(blocks: readonly number[]) {
    super();
    const layers: nn.Module[] = [new nn.Conv2d(3, 2 * GROWTH, 3, { padding: 1, bias: false })];
    let channels = 2 * GROWTH;
    blocks.forEach((count, b) => {
      for (let i = 0; i < count; i++, channels += GROWTH) layers.push(new Layer(channels));
      if (b === blocks.length - 1) return;
      layers.push(new nn.BatchNorm2d(channels), new nn.ReLU());
      layers.push(new nn.Conv2d(channels, channels / 2, 1, { bias: false }), new nn.AvgPool2d(2));
      channels /= 2;
    });
    this.features = new nn.Sequential(...layers, new nn.BatchNorm2d(channels), new nn.ReLU());
    this.classifier = new nn.Linear(channels, 10);
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x).mean([2, 3]));
  }
}

export const densenet: Net = {
  batch: 64,
  inputs: (n) => [{ shape: [n, 3, 32, 32] }, { shape: [n], below: 10 }],
  build: () => new DenseNet([6, 6, 6]),
  loss: (model: DenseNet, x, y) => nn.functional.crossEntropy(model.forward(x), y),
};
