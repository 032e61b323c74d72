import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/open.js';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { Conv2d, CrossEntropyLoss, Flatten, Linear, ReLU, Sequential } from '../../src/nn/index.js';
import { manualSeed } from '../../src/tensor/random.js';
import { assertNear, batchOf, readFixture } from '../support/generated.js';
import { KINDS, type OptimizerCase, optimizerPath } from '../support/optimizers.js';

const { cases } = readFixture<{ cases: OptimizerCase[] }>('optimizers.json');

/** Weights after a few steps of a net whose layers are large enough for primitives and vector kernels. */
async function trained(
  device: Device,
  name: string,
  refused: boolean,
): Promise<Map<string, ArrayLike<number>>> {
  manualSeed(5);
  const layers = [new Conv2d(3, 32, 3), new ReLU(), new Flatten(), new Linear(32 * 36, 10)];
  const model = await new Sequential(...layers).to(device);
  const rates: Readonly<Record<string, number>> = { LARS: 1, Adadelta: 1, SGD: 0.05 };
  const options = {
    lr: rates[name] ?? 2e-3,
    weightDecay: 0.01,
    ...(name === 'SGD' ? { momentum: 0.9 } : {}),
  };
  const optimizer = new KINDS[name]!(model.namedParameters(), options as never);
  const step = (batch: number, guarded: boolean): void => {
    const [images, labels] = batchOf(16, [3, 8, 8], batch);
    optimizer.zeroGrad();
    const loss = new CrossEntropyLoss().forward(model.forward(images), labels);
    loss.backward();
    optimizer.step({ guard: guarded ? loss.mul(Number.NaN) : loss });
    if (guarded) optimizer.undo();
  };
  for (const batch of [0, 1, 2, 3]) {
    if (refused) step(7, true);
    step(batch, false);
  }
  const values = new Map<string, ArrayLike<number>>();
  for (const [key, tensor] of [...model.namedParameters(), ...optimizer.stateDict().tensors])
    values.set(key, await tensor.data());
  return values;
}

for (const engine of ['onednn', 'wasm'] as const)
  describe(`optimizers on the ${engine} device`, () => {
    let device: Device;
    before(async () => {
      ({ device } = await openDevice(engine, { threads: 2 }));
    });
    after(() => device.close());

    for (const one of cases)
      it(`follow PyTorch in float32: ${one.name}`, async () => {
        const paths = await optimizerPath(one, device, 'float32');
        for (const i of [0, 1]) assertNear(paths.at(-1)![i]!, one.params.at(-1)![i]!, 2e-5, 'ab'[i]!);
      });

    for (const name of Object.keys(KINDS))
      it(`train a net as the reference does, a step that its guard refuses changes nothing: ${name}`, async () => {
        const compiled = (await device.stats()).length;
        const found = await trained(device, name, false);
        assert.equal((await device.stats()).length, compiled + 1, 'plans');
        const expected = await trained(referenceDevice(), name, false);
        for (const [key, values] of expected) assertNear(found.get(key)!, values, 2e-3, key);
        const again = await trained(device, name, true);
        for (const [key, values] of found)
          assert.deepEqual([...(again.get(key) as Float32Array)], [...(values as Float32Array)], key);
      });
  });
