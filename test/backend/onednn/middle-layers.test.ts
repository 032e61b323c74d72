import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { CapturingDevice } from '../../../src/bench/capture.js';
import type { TypedArray } from '../../../src/graph/types.js';
import { nn, optim, setDefaultDevice, tensor } from '../../../src/index.js';
import { assertNear, values } from '../../support/generated.js';
import { twoEngines } from './two-engines.js';

const [ROWS, INPUTS, HIDDEN] = [48, 300, 250];

describe('layers of middle size, which keep their weights row-major', () => {
  const engines = twoEngines();

  /** Trains for some steps. Returns losses, weights and later outputs, and the steps of the plan by module. */
  async function train(inner: Device): Promise<{ numbers: TypedArray[]; steps: string[] }> {
    const device = new CapturingDevice(inner);
    setDefaultDevice(device);
    const model = new nn.Sequential(
      new nn.Linear(INPUTS, HIDDEN),
      new nn.ReLU(),
      new nn.Linear(HIDDEN, INPUTS),
    );
    for (const [k, parameter] of model.parameters().entries())
      parameter.load(values(parameter.shape, k + 1, 0.1));
    await model.to(device);
    const x = tensor(values([ROWS, INPUTS], 9, 1), { shape: [ROWS, INPUTS] });
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
    const step = (): Promise<number> => {
      optimizer.zeroGrad();
      const loss = model.forward(x).sub(x).square().mean();
      loss.backward();
      optimizer.step();
      return loss.item();
    };
    const losses = [await step(), await step(), await step()];
    const numbers: TypedArray[] = [Float32Array.from(losses)];
    for (const parameter of model.parameters()) numbers.push(await parameter.data());
    for (const rows of [1, ROWS, 300]) {
      const seen = tensor(values([rows, INPUTS], 5, 1), { shape: [rows, INPUTS] });
      numbers.push(await model.forward(seen).data());
    }
    await step();
    const profile = inner === engines.device ? await device.profileLast() : [];
    return { numbers, steps: profile.map(({ op, scope }) => `${op} ${scope.split(' ')[0]}`) };
  }

  it('learn as on the reference engine; a first layer copies no weights', async () => {
    const found = await train(engines.device);
    const expected = await train(engines.reference);
    for (const [k, numbers] of found.numbers.entries())
      assertNear(numbers, expected.numbers[k]!, 2e-5, `result ${k}`);
    assert.ok(found.steps.includes('linear 0'), String(found.steps));
    assert.ok(!found.steps.includes('reorder 0'), String(found.steps));
  });
});
