import type { Device } from '../../../src/backend/backend.js';
import {
  Conv2d,
  CrossEntropyLoss,
  Flatten,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
} from '../../../src/nn/index.js';
import { SGD } from '../../../src/optim/index.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { type Tensor, tensor } from '../../../src/tensor/tensor.js';
import { batchOf } from '../generated.js';

/**
 * A net of a few milliseconds a step whose weights a fast device lays out in its own way: 20 channels fill no whole
 * vectors, and the 3 × 3 convolution on 32 is one for Winograd.
 */
export function makeTinyNet(seed = 0): Sequential {
  manualSeed(seed);
  return new Sequential(
    new Conv2d(3, 20, 5, { padding: 2 }),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(20, 32, 3, { padding: 1 }),
    new ReLU(),
    new Conv2d(32, 32, 3, { padding: 1 }),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(512, 64),
    new ReLU(),
    new Linear(64, 10),
  );
}

/** Moves the net to a device, and gives what trains and evaluates it there on batch number `n`. */
export async function trainer(model: Sequential, device: Device) {
  await model.to(device);
  const optimizer = new SGD(model.namedParameters(), { lr: 0.05, momentum: 0.9, weightDecay: 5e-4 });
  const lossOf = (images: Tensor, labels: Tensor) =>
    new CrossEntropyLoss().forward(model.forward(images), labels);
  const batch = (n: number) => batchOf(8, [3, 16, 16], n);
  return {
    /** Takes a step and gives its loss; `labels` replace the batch's own. */
    train: async (n: number, labels?: readonly number[]): Promise<number> => {
      const [images, own] = batch(n);
      optimizer.zeroGrad();
      const loss = lossOf(images, labels ? tensor(Int32Array.from(labels)) : own);
      loss.backward();
      optimizer.step();
      return loss.item();
    },
    evaluate: async (n: number): Promise<number> => {
      model.eval();
      const loss = await lossOf(...batch(n)).item();
      model.train();
      return loss;
    },
  };
}
