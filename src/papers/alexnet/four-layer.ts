import { checkOptionNames, nn, type Tensor } from 'paperweight/core';
import { type Activation, activation as makeActivation } from './layers.js';
import type { Norm, Pooling } from './model.js';

export interface FourLayerOptions {
  numClasses?: number;
  /** ReLU unless given: the subject of Figure 1. */
  activation?: Activation;
  /** None unless given: the subject of section 3.3. */
  norm?: Norm;
  pooling?: Pooling;
  /** Half: half as many kernels in the first two convolutions. */
  width?: 'full' | 'half';
}

/**
 * Constants of LRN in the CIFAR-10 nets of the author's own code (size 5, alpha 0.001, beta 0.75, k 1). They are
 * for images in bytes; ours are divided by their standard deviation of about 63, and Σ x² with them.
 */
const LRN = { size: 5, alpha: 1e-3 * 63 ** 2, beta: 0.75, k: 1 };

/**
 * A four-layer convolutional net for CIFAR-10, as Figure 1 and section 3.3 use one without saying which. This is
 * the layout of `layers-18pct.cfg` in the author's cuda-convnet: three 5 × 5 convolutions of 32, 32 and 64
 * kernels, each followed by overlapping pooling, and one fully connected layer. A normalisation, if any, follows
 * the first two poolings. All three poolings take the largest value, as in the paper; there the last two take the
 * mean. [N, 3, 32, 32] → logits [N, numClasses].
 */
export class FourLayerNet extends nn.Module {
  readonly features: nn.Sequential;
  readonly classifier: nn.Sequential;

  /** @throws UsageError for an unknown option */
  constructor(options: FourLayerOptions = {}) {
    super();
    checkOptionNames('FourLayerNet', options, ['numClasses', 'activation', 'norm', 'pooling', 'width']);
    const {
      numClasses = 10,
      activation = 'relu',
      norm = 'none',
      pooling = 'overlapping',
      width = 'full',
    } = options;
    const window = pooling === 'plain' ? 2 : 3;
    // 32 → 16 → 8 → 4 whatever the window, as in cuda-convnet.
    // Monotone activations may follow the pooling, on a quarter of the values.
    const pool = () => [new nn.MaxPool2d(window, { stride: 2, ceilMode: true }), makeActivation(activation)];
    const normal = (channels: number): nn.Module[] => {
      if (norm === 'batch') return [new nn.BatchNorm2d(channels)];
      const { size, ...constants } = LRN;
      return norm === 'lrn' ? [new nn.LocalResponseNorm(size, constants)] : [];
    };
    const kernels = width === 'half' ? 16 : 32;
    const conv = (from: number, to: number) => new nn.Conv2d(from, to, 5, { padding: 2 });
    this.features = new nn.Sequential(
      ...[conv(3, kernels), ...pool(), ...normal(kernels)],
      ...[conv(kernels, kernels), ...pool(), ...normal(kernels)],
      ...[conv(kernels, 64), ...pool()],
    );
    this.classifier = new nn.Sequential(new nn.Linear(64 * 4 * 4, numClasses));
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x).flatten(1));
  }
}
