import { type Device, optim, type Tensor, tensor } from '../../core.js';
import { sizeOf } from '../../graph/types.js';
import type { Module } from '../../nn/index.js';
import type { Input, Net } from './nets/net.js';

/** The same numbers in [-1, 1) as bench/peers/pytorch_suite.py makes; they look random. */
export const noise = (count: number, stream: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => {
    const x = 43_758.5453 * Math.sin(12.9898 * i + 78.233 * (stream + 1));
    return 2 * (x - Math.floor(x)) - 1;
  });

type Float = 'float32' | 'float64';
const arrays = { float32: Float32Array, float64: Float64Array };

function batchOf({ shape, below }: Input, phase: number, type: Float): Tensor {
  const count = sizeOf(shape);
  if (below === undefined) return tensor(arrays[type].from(noise(count, phase)), { shape });
  return tensor(
    Int32Array.from({ length: count }, (_, i) => (i * 7919 + phase) % below),
    { shape },
  );
}

/** Weights get noise of the usual size and biases 0; the scales of normalisations stay 1. */
async function setWeights(model: Module<unknown>, type: Float): Promise<void> {
  for (const [k, parameter] of model.parameters().entries()) {
    const values = arrays[type].from(noise(parameter.size, k));
    const fanIn = parameter.size / parameter.shape[0]!;
    if (parameter.shape.length > 1)
      parameter.load(values.map((value: number) => value * Math.sqrt(1 / fanIn)));
    else if (!(await parameter.data()).every((value) => value === 1)) parameter.load(values.fill(0));
  }
}

/** A network, and its training step, which returns the loss. */
export interface Training {
  readonly model: Module<unknown>;
  readonly step: () => Promise<number>;
}

/**
 * A network on the default device, with weights and inputs that PyTorch's side makes too.
 * @param rate learning rate of SGD
 */
export async function training(
  net: Net,
  batch: number,
  device: Device,
  { type = 'float32', rate = 1e-4 }: { readonly type?: Float; readonly rate?: number } = {},
): Promise<Training> {
  const model = net.build();
  await model.toFloat(type);
  await setWeights(model, type);
  await model.to(device);
  const inputs = net.inputs(batch).map((input, k) => batchOf(input, k, type));
  const losses =
    typeof net.loss === 'function'
      ? [{ trained: model, loss: net.loss }]
      : Object.entries(net.loss).map(([part, loss]) => ({ trained: model.getSubmodule(part), loss }));
  const stages = losses.map(({ trained, loss }) => ({
    optimizer: new optim.SGD(trained.parameters(), { lr: rate, momentum: 0.9 }),
    loss,
  }));
  const step = async (): Promise<number> => {
    const values = stages.map(({ optimizer, loss: lossOf }) => {
      optimizer.zeroGrad();
      const loss = lossOf(model as never, ...inputs);
      loss.backward();
      optimizer.step();
      return loss.item();
    });
    return (await Promise.all(values)).reduce((a, b) => a + b);
  };
  return { model, step };
}
