import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { openDevice } from '../../src/backend/open.js';
import { NETS } from '../../src/bench/suite/nets/index.js';
import { stepOf } from '../../src/bench/suite/work.js';
import { setDefaultDevice } from '../../src/core.js';

/** Batch normalisation over few images amplifies rounding errors from step to step. */
const TOLERANCE = 1e-3;
/** Losses of five steps at batch 4, by test/fixtures/make_suite.py. */
const LOSSES: Readonly<Record<string, number[]>> = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/suite.json', import.meta.url), 'utf8'),
);

describe('networks of the suite', () => {
  assert.deepEqual(Object.keys(NETS), Object.keys(LOSSES));
  for (const name of ['onednn', 'wasm'] as const)
    for (const [net, expected] of Object.entries(LOSSES))
      it(`${net} has PyTorch's losses in five steps, ${name}`, async () => {
        const { device } = await openDevice(name, { threads: 2 });
        setDefaultDevice(device);
        const step = await stepOf(NETS[net]!, 4, device);
        for (const loss of expected) {
          const got = await step();
          assert.ok(Math.abs(got - loss) <= TOLERANCE * Math.abs(loss), `${got} instead of ${loss}`);
        }
        await device.close();
      });
});
