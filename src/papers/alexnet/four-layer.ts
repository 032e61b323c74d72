import { checkOptionNames, nn, type Tensor } from 'paperweight/core';
import { type Activation, activation as makeActivation, type Norm, type Pooling } from './layers.js';

export interface FourLayerOptions {
  numClasses?: number;
  /** Default ReLU; the subject of Figure 1. */
  activation?: Activation;
  /** Default none; the subject of section 3.3. */
  norm?: Norm;
  pooling?: Pooling;
  /** `half`: half as many kernels in the first two convolutions. */
  width?: 'full' | 'half';
  /** Removes the third convolution with its activation. */
  without?: 'conv3';
  /** Units of a hidden fully connected layer; default none. */
  hidden?: number;
}

/**
 * LRN constants of the CIFAR-10 networks in the author's own code (size 5, alpha 0.001, beta 0.75, k 1). They apply
 * to images in bytes; here images are divided by their standard deviation of about 63, so Σ x² is smaller by 63².
 */
const LRN = { size: 5, alpha: 1e-3 * 63 ** 2, beta: 0.75, k: 1 };

/** Kernels of the third convolution. */
const LAST = 64;

/**
 * Four-layer convolutional network for CIFAR-10; Figure 1 and section 3.3 use one without specifying it. This is
 * the layout of `layers-18pct.cfg` in the author's cuda-convnet: three 5 × 5 convolutions with 32, 32 and 64
 * kernels, each followed by overlapping pooling, and one fully connected layer. Normalisation, if any, follows
 * the first two poolings. All three are max pooling, as in the paper; in cuda-convnet the last two are average
 * pooling. [N, 3, 32, 32] → logits [N, numClasses].
 */
export class FourLayerNet extends nn.Module {
  readonly features: nn.Sequential;
  readonly classifier: nn.Sequential;

  /** @throws UsageError for an unknown option */
  constructor(options: FourLayerOptions = {}) {
    super();
    checkOptionNames('FourLayerNet', options, [
      ...['numClasses', 'activation', 'norm', 'pooling'],
      ...['width', 'without', 'hidden'],
    ]);
    const {
      numClasses = 10,
      activation = 'relu',
      norm = 'none',
      pooling = 'overlapping',
      width = 'full',
      without,
      hidden,
    } = options;
    const window = pooling === 'plain' ? 2 : 3;
    // 32 → 16 → 8 → 4 for any window, as in cuda-convnet.
    // A monotone activation commutes with max pooling and is cheaper after it, on a quarter of the values.
    const down = () => new nn.MaxPool2d(window, { stride: 2, ceilMode: true });
    const pool = () => [down(), makeActivation(activation)];
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
      ...(without ? [down()] : [conv(kernels, LAST), ...pool()]),
    );
    const features = (without ? kernels : LAST) * 4 * 4;
    this.classifier = new nn.Sequential(
      ...(hidden ? [new nn.Linear(features, hidden), makeActivation(activation)] : []),
      new nn.Linear(hidden ?? features, numClasses),
    );
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x).flatten(1));
  }
}
