import { optim, type Tensor, tensor } from '../../core.js';
import { sizeOf } from '../../graph/types.js';
import type { Module } from '../../nn/index.js';
import type { Input, Net } from './nets/net.js';

/** The same numbers in [-1, 1) as bench/peers/pytorch_suite.py makes; they look random. */
const noise = (count: number, stream: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => {
    const x = 43_758.5453 * Math.sin(12.9898 * i + 78.233 * (stream + 1));
    return 2 * (x - Math.floor(x)) - 1;
  });

function batchOf({ shape, below }: Input, phase: number): Tensor {
  const count = sizeOf(shape);
  if (below === undefined) return tensor(noise(count, phase), { shape });
  return tensor(
    Int32Array.from({ length: count }, (_, i) => (i * 7919 + phase) % below),
    { shape },
  );
}

/** Weights get noise of the usual size and biases 0; the scales of normalisations stay 1. */
async function setWeights(model: Module): Promise<void> {
  for (const [k, parameter] of model.parameters().entries()) {
    const fanIn = parameter.size / parameter.shape[0]!;
    if (parameter.shape.length > 1)
      parameter.load(noise(parameter.size, k).map((value) => value * Math.sqrt(1 / fanIn)));
    else if (!(await parameter.data()).every((value) => value === 1))
      parameter.load(new Float32Array(parameter.size));
  }
}

/** A network on the default device, with weights and inputs that PyTorch's side makes too. Returns its training step. */
export async function stepOf(
  net: Net,
  batch: number,
  device: Parameters<Module['to']>[0],
): Promise<() => Promise<number>> {
  const model = net.build();
  await setWeights(model);
  await model.to(device);
  const inputs = net.inputs(batch).map(batchOf);
  const optimizer = new optim.SGD(model.parameters(), { lr: 1e-4, momentum: 0.9 });
  return () => {
    optimizer.zeroGrad();
    const loss = net.loss(model as never, ...inputs);
    loss.backward();
    optimizer.step();
    return loss.item();
  };
}
