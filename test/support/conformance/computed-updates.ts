import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import * as nn from '../../../src/nn/index.js';
import { clipGradValue, NAdam } from '../../../src/optim/index.js';
import { Parameter } from '../../../src/tensor/parameter.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { evaluate, type Tensor, tensor } from '../../../src/tensor/tensor.js';
import { update } from '../../../src/tensor/update.js';
import { assertClose, type Tolerance } from '../close.js';

type Floating = 'float32' | 'float64';

/**
 * Registers tests of parameters whose new values are what a layer or a product computes, followed by elementwise
 * operations: a kernel may apply those itself, or the update may, but not both.
 */
export function computedUpdates(device: () => Device, dtype: Floating, tolerance: Tolerance): void {
  const { rtol = 1e-5, atol = 1e-5 } = tolerance;
  const numbers = (shape: readonly number[], phase: number): Float32Array | Float64Array => {
    const length = shape.reduce((a, b) => a * b, 1);
    const data = Float64Array.from({ length }, (_, i) => Math.sin(0.37 * i + phase));
    return dtype === 'float64' ? data : Float32Array.from(data);
  };
  const wave = (shape: readonly number[], phase = 0): Tensor => tensor(numbers(shape, phase), { shape });
  const placed = async <M extends nn.Module>(module: M): Promise<M> => {
    await module.toFloat(dtype);
    return module.to(device());
  };
  const close = (actual: ArrayLike<number>, expected: ArrayLike<number>, what: string) =>
    assertClose(actual, Array.from(expected), { rtol, atol }, what);

  const PRODUCERS: Readonly<Record<string, (x: Tensor) => Promise<() => Tensor>>> = {
    linear: async (x) => {
      const layer = await placed(new nn.Linear(8, 8));
      return () => layer.forward(x);
    },
    matmul: async (x) => () => x.matmul(wave([8, 8], 1)),
    conv2d: async (x) => {
      const layer = await placed(new nn.Conv2d(4, 16, 3, { padding: 1 }));
      return () => layer.forward(x.reshape(2, 4, 8, 8)).reshape(256, 8);
    },
    softmax: async (x) => () => x.softmax(1),
    layerNorm: async (x) => {
      const layer = await placed(new nn.LayerNorm(8));
      return () => layer.forward(x);
    },
  };
  const FOLLOWERS: Readonly<Record<string, (y: () => Tensor, p: Parameter) => Tensor>> = {
    tanh: (y) => y().tanh(),
    sigmoid: (y) => y().sigmoid(),
    leakyRelu: (y) => y().leakyRelu(0.3),
    gelu: (y) => nn.functional.gelu(y()),
    'affine and tanh': (y) => y().mul(2).tanh().add(1),
    'the old value': (y, p) => y().add(p),
    'an average': (y, p) => y().sigmoid().mul(0.1).add(p.mul(0.9)),
    'a constant': (y, p) => y().add(wave(p.shape, 2)),
    'another product': (y) => y().add(y().mul(-0.5).clamp(-0.2, 0.2)),
    nothing: (y) => y(),
  };

  describe('updates with what is computed by', () => {
    for (const [producer, make] of Object.entries(PRODUCERS))
      it(producer, async () => {
        manualSeed(1);
        const y = await make(await wave([64, 8]).to(device()));
        const shape = y().shape;
        for (const [follower, follow] of Object.entries(FOLLOWERS)) {
          const p = new Parameter(numbers(shape, 3), shape, { dtype });
          await p.place(device());
          const [expected] = await evaluate(follow(y, p));
          update([[p, follow(y, p)]]);
          close(await p.data(), expected!, `${producer} and ${follower}`);
        }
      });

    it('gradients of several batches', async () => {
      const trained = async (parts: number, maximum: number): Promise<ArrayLike<number>> => {
        manualSeed(2);
        const layer = await placed(new nn.Linear(12, 6, { bias: false }));
        const optimizer = new NAdam(layer.parameters(), { lr: 0.01 });
        for (let step = 0; step < 3; step++) {
          optimizer.zeroGrad();
          const x = wave([8, 12], step);
          for (const part of x.chunk(parts)) layer.forward(part).square().sum().backward();
          clipGradValue(layer.parameters(), maximum);
          optimizer.step();
        }
        return layer.weight.data();
      };
      for (const maximum of [0.5, 1e6])
        close(await trained(2, maximum), await trained(1, maximum), `limited to ${maximum}`);
    });
  });
}
