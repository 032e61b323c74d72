import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  LeakyReLU,
  Linear,
  LocalResponseNorm,
  MaxPool2d,
  ReLU,
  Sequential,
  Sigmoid,
  Softplus,
  Tanh,
} from '../../../src/nn/index.js';

/** Every layer that has an ONNX operator, and dropout, which has none in evaluation. */
export const everyLayer = (): Sequential =>
  new Sequential(
    new Conv2d(3, 8, 3, { stride: 2, padding: 1 }),
    new BatchNorm2d(8),
    new LeakyReLU(0.2),
    new LocalResponseNorm(5, { alpha: 0.3, beta: 0.6, k: 2 }),
    new Conv2d(8, 8, 3, { padding: 1, groups: 2 }),
    new Tanh(),
    new MaxPool2d(3, { stride: 2, padding: 1 }),
    new Sigmoid(),
    new AvgPool2d(2, { stride: 1, padding: 1 }),
    new AdaptiveAvgPool2d(1),
    new Flatten(),
    new Dropout(0.5),
    new Linear(8, 6),
    new ReLU(),
    new Softplus(),
    new Linear(6, 4),
  );
