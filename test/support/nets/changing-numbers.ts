import type { Device } from '../../../src/backend/backend.js';
import { Dropout, functional, Linear, ReLU, Sequential } from '../../../src/nn/index.js';
import { Adam, SGD } from '../../../src/optim/index.js';
import { cat } from '../../../src/tensor/functions.js';
import { Parameter } from '../../../src/tensor/parameter.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { type Tensor, tensor } from '../../../src/tensor/tensor.js';
import { update } from '../../../src/tensor/update.js';
import { batchOf, values } from '../generated.js';

/** Runs a step with the number k, and returns what it computes. */
type Step = (k: number) => Promise<readonly ArrayLike<number>[]>;
type DType = 'float32' | 'float64';

const read = (...tensors: readonly Tensor[]): Promise<ArrayLike<number>[]> =>
  Promise.all(tensors.map((one) => one.data()));

const random = (shape: readonly number[], index: number, dtype: DType): Tensor =>
  tensor(values(shape, index, 2), { shape, dtype });

async function net(device: Device, sizes: readonly [number, number, number]): Promise<Sequential> {
  manualSeed(11);
  const [from, hidden, to] = sizes;
  return new Sequential(new Linear(from, hidden), new ReLU(), new Linear(hidden, to)).to(device);
}

/** Programs with a number that changes from step to step, as (device, dtype) → step. */
export const CHANGING: Readonly<Record<string, (device: Device, dtype: DType) => Promise<Step>>> = {
  'eager values': async (device, dtype) => {
    const x = await random([40, 60], 1, dtype).to(device);
    return (k) => {
      const y = x.mul(k / 7).add(k / 3);
      return read(
        y,
        y.clamp(-k, k / 2).sum(),
        x
          .sub(k)
          .div(k + 0.3)
          .exp()
          .mean(0),
        x.sum().mul(k / 9),
      );
    };
  },
  'temperature of a softmax': async (device, dtype) => {
    const logits = await random([30, 17], 2, dtype).to(device);
    return (k) => read(logits.div(0.1 + k / 10).softmax(1), logits.mul(1 / (k + 1)).tanh());
  },
  'a weight of the loss': async (device) => {
    const model = await net(device, [24, 64, 24]);
    const optimizer = new Adam(model.namedParameters(), { lr: 2e-3 });
    const [x] = batchOf(32, [24], 0);
    return async (k) => {
      optimizer.zeroGrad();
      const code = model.forward(x);
      const divergence = code.square().mean();
      const loss = code
        .sub(x)
        .square()
        .mean()
        .add(divergence.mul(Math.min(1, k / 5)));
      loss.backward();
      optimizer.step({ compute: [divergence] });
      return read(loss, divergence, ...model.parameters());
    };
  },
  'smoothed labels': async (device) => {
    const model = await net(device, [20, 40, 10]);
    const optimizer = new SGD(model.namedParameters(), { lr: 0.1, momentum: 0.9 });
    const [x, labels] = batchOf(16, [20], 0);
    return async (k) => {
      optimizer.zeroGrad();
      const loss = functional.crossEntropy(model.forward(x), labels, { labelSmoothing: 0.5 / (k + 1) });
      loss.backward();
      optimizer.step();
      return read(loss, ...model.parameters());
    };
  },
  dropout: async (device, dtype) => {
    const x = await random([50, 30], 3, dtype).to(device);
    return (k) => {
      manualSeed(5);
      return read(new Dropout(0.5 / (k + 1)).forward(x));
    };
  },
  activations: async (device, dtype) => {
    const x = await random([33, 35], 4, dtype).to(device);
    x.requiresGrad = true;
    return async (k) => {
      const slope = (k + 1) / 20;
      x.grad = null;
      const y = x.leakyRelu(slope).add(functional.elu(x, 1 + slope));
      y.sum().backward();
      return read(y, x.grad!);
    };
  },
  'moving average with update()': async (device, dtype) => {
    const average = new Parameter(await random([300], 5, dtype).data(), [300]);
    await average.place(device);
    const online = await random([300], 6, dtype).to(device);
    return async (k) => {
      const share = 1 / (k + 2);
      update([[average, average.mul(1 - share).add(online.mul(share))]]);
      return read(average);
    };
  },
  'minibatches of a data set': async (device) => {
    const model = await net(device, [24, 48, 10]);
    const optimizer = new SGD(model.namedParameters(), { lr: 0.1, momentum: 0.9 });
    const [all, classes] = batchOf(120, [24], 0);
    const [x, labels] = [await all.to(device), await classes.to(device)];
    return async (k) => {
      optimizer.zeroGrad();
      const logits = model.forward(x.slice(0, 8 * k, 8 * k + 16));
      const loss = functional.crossEntropy(logits, labels.slice(0, 8 * k, 8 * k + 16));
      loss.backward();
      optimizer.step();
      return read(loss, ...model.parameters());
    };
  },
  'windows of a text': async (device, dtype) => {
    const text = Int32Array.from({ length: 400 }, (_, i) => (i * i + 3 * i) % 23);
    const symbols = await tensor(text, { shape: [400] }).to(device);
    const table = new Parameter(await random([23, 12], 7, dtype).data(), [23, 12]);
    await table.place(device);
    return async (k) => {
      table.grad = null;
      const windows = [17 * k, 5 * k + 3].map((start) => symbols.narrow(0, start, 21));
      const looked = table.indexSelect(0, windows[0]!).mul(table.indexSelect(0, windows[1]!).tanh());
      looked.square().sum().backward();
      return read(looked, windows[1]!, symbols.select(0, k), table.grad!);
    };
  },
  'crops of images': async (device, dtype) => {
    const images = await random([3, 5, 17, 18], 8, dtype).to(device);
    images.requiresGrad = true;
    const bytes = await tensor(
      Uint8Array.from({ length: 918 }, (_, i) => i % 251),
      { shape: [17, 3, 18], dtype: 'uint8' },
    ).to(device);
    return async (k) => {
      images.grad = null;
      const crop = images.slice(2, k % 7, (k % 7) + 10).slice(3, k % 5, (k % 5) + 13);
      const channel = images.select(1, k % 5);
      crop.square().sum().add(channel.exp().sum()).backward();
      return read(crop, channel, images.grad!, bytes.slice(2, k, k + 5).toFloat());
    };
  },
  'channels of joined convolutions': async (device, dtype) => {
    const x = await random([2, 3, 9, 9], 9, dtype).to(device);
    const [first, second] = [
      await random([12, 3, 3, 3], 10, dtype).to(device),
      await random([20, 3, 3, 3], 11, dtype).to(device),
    ];
    x.requiresGrad = true;
    return async (k) => {
      x.grad = null;
      const joined = cat([functional.conv2d(x, first), functional.conv2d(x, second)], 1);
      const part = joined.slice(1, k, k + 18).relu();
      part.square().sum().backward();
      return read(part, x.grad!);
    };
  },
  'a penalty of the gradient': async (device) => {
    const model = await net(device, [12, 32, 1]);
    const optimizer = new SGD(model.namedParameters(), { lr: 0.05 });
    const [x] = batchOf(16, [12], 0);
    return async (k) => {
      optimizer.zeroGrad();
      const loss = model.forward(x).square().mean();
      loss.backward();
      const [first] = [...model.parameters()];
      const penalty = first!
        .grad!.square()
        .sum()
        .mul(k / 10);
      optimizer.zeroGrad();
      const total = loss.add(penalty);
      total.backward();
      optimizer.step();
      return read(total, ...model.parameters());
    };
  },
};

/** Numbers of steps: some occur again, and their quotients are no float32. */
export const STEPS: readonly number[] = [1, 2, 3, 4, 0, 2, 7, 8, 8, 11, 12, 13];
/** Plans of a program at most: two with constants, and some with numbers as inputs. */
export const MOST_PLANS = 5;
