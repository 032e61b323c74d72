import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { WebGpuDevice } from '../../../src/backend/webgpu/device.js';
import type { EngineOptions } from '../../../src/backend/webgpu/engine.js';
import { finiteGuard } from '../../../src/optim/finite.js';
import { Adam, type Optimizer, SGD } from '../../../src/optim/index.js';
import { Parameter } from '../../../src/tensor/parameter.js';
import { evaluate } from '../../../src/tensor/tensor.js';
import { fakeGpu } from './fake-gpu.js';
import { openWebGpu, withoutGpu } from './open.js';
import { random } from './programs.js';

const missing = await withoutGpu();

/** Sizes of parameters: those of 4 Mi elements and more have buffers of their own. */
const SIZES = [70, 4_300_000, 1000, 4_400_000, 3];

const OPTIMIZERS: Readonly<Record<string, (parameters: Parameter[]) => Optimizer>> = {
  SGD: (parameters) => new SGD(parameters, { lr: 0.1, momentum: 0.9, weightDecay: 1e-3 }),
  Adam: (parameters) => new Adam(parameters, { lr: 0.01 }),
};

/** Numbers from −1 to 1 that repeat. */
function repeated(seed: number, size: number): Float32Array {
  const some = random(seed, 997);
  const all = new Float32Array(size);
  for (let i = 0; i < size; i++) all[i] = some[i % some.length]!;
  return all;
}

/** Two steps that pull parameters towards 0. @returns all parameters at the end */
async function trained(device: Device, name: string): Promise<Float32Array[]> {
  const parameters = SIZES.map((size, n) => new Parameter(repeated(n, size), [size]));
  for (const parameter of parameters) await parameter.place(device);
  const optimizer = OPTIMIZERS[name]!(parameters);
  for (let step = 0; step < 2; step++) {
    optimizer.zeroGrad();
    const loss = parameters.map((parameter) => parameter.square().sum()).reduce((a, b) => a.add(b));
    loss.backward();
    const guard = finiteGuard(
      loss,
      parameters.map(({ grad }) => grad!),
    );
    optimizer.step({ guard });
    await loss.item();
  }
  return (await evaluate(...parameters)) as Float32Array[];
}

describe('large values on webgpu', { skip: missing }, () => {
  const opened = async (t: TestContext, options?: EngineOptions): Promise<WebGpuDevice> => {
    const device = await openWebGpu(options);
    t.after(() => device.close());
    return device;
  };

  for (const optimizer of Object.keys(OPTIMIZERS))
    it(`${optimizer} updates them together with small ones, as the reference engine does`, async (t) => {
      const got = await trained(await opened(t), optimizer);
      const wanted = await trained(referenceDevice(), optimizer);
      for (const [k, values] of wanted.entries()) {
        const bad = values.findIndex((value, i) => !(Math.abs(got[k]![i]! - value) <= 1e-5));
        assert.equal(bad, -1, `parameter ${k}, element ${bad}: ${got[k]![bad]}, not ${values[bad]}`);
      }
    });

  // 9 bindings for each large value: too many for three of them in a kernel, so windows are computed.
  it('updates of values of many bindings have the same bits', async (t) => {
    const [whole, split] = [await opened(t), await opened(t, { binding: 2 ** 21 })];
    assert.deepEqual(await trained(split, 'Adam'), await trained(whole, 'Adam'));
  });
});

describe('the number of kernels', () => {
  it('does not grow with the number of buffers, as long as they can be bound', async () => {
    const kernels = async (options: Parameters<typeof fakeGpu>[0]): Promise<number> => {
      const device = new WebGpuDevice(fakeGpu(options), { trials: false });
      await trained(device, 'SGD');
      const primitives = (await device.stats())[0]!.primitives;
      await device.close();
      return primitives;
    };
    const many = await kernels({});
    const few = await kernels({ limits: { maxStorageBuffersPerShaderStage: 8 } });
    assert.ok(few > many, `${few} with 8 bindings, ${many} with 16`);
    assert.ok(few <= many + 6, `${few} with 8 bindings, ${many} with 16`);
  });
});
