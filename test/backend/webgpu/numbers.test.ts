import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { CHANGING, MOST_PLANS, STEPS } from '../../support/nets/changing-numbers.js';
import { openWebGpu, withoutGpu } from './open.js';

const missing = await withoutGpu();

describe('numbers that change, on the webgpu device', { skip: missing }, () => {
  for (const [program, start] of Object.entries(CHANGING))
    it(`few plans and the reference engine’s values: ${program}`, async (t) => {
      const device = await openWebGpu();
      t.after(() => device.close());
      setDefaultDevice(referenceDevice());
      const [step, expected] = [await start(device, 'float32'), await start(referenceDevice(), 'float32')];
      let first = 0;
      for (const k of STEPS) {
        const [got, wanted] = [await step(k), await expected(k)];
        first ||= (await device.stats()).length;
        wanted.forEach((values, i) => {
          const at = Array.from(values).findIndex(
            (value, j) => !(Math.abs(got[i]![j]! - value) <= 2e-4 * (1 + Math.abs(value))),
          );
          assert.equal(at, -1, `result ${i} with ${k}, element ${at}: ${got[i]![at]}, not ${values[at]}`);
        });
      }
      const plans = (await device.stats()).length;
      assert.ok(plans <= MOST_PLANS * first, `${plans} plans for ${first} graphs`);
    });
});
