import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { openDevice } from '../../src/backend/open.js';
import { NETS } from '../../src/bench/suite/nets/index.js';
import { stepOf } from '../../src/bench/suite/work.js';
import { setDefaultDevice } from '../../src/core.js';

/** Losses of five steps at batch 4, by test/fixtures/make_suite.py. */
const LOSSES: Readonly<Record<string, Record<'float32' | 'float64', number[]>>> = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/suite.json', import.meta.url), 'utf8'),
);

/**
 * Operations that run in TypeScript only on a few numbers: a batch norm's running statistics, integer targets, a table of
 * characters, and what a batch of four leaves of latent variables and logits.
 */
const TINY = new Set([
  'affine',
  'add',
  'mul',
  'sum',
  'cast',
  'reluGrad',
  'exp',
  'square',
  'sub',
  'neg',
  'binaryCrossEntropyWithLogits',
  'usedRows',
]);

/** Networks that need minutes on the reference engine. */
const SLOW = new Set(['resnet18', 'mobilenetV2', 'densenet', 'vit', 'unet', 'googlenet']);

describe('networks of the suite', () => {
  assert.deepEqual(Object.keys(NETS), Object.keys(LOSSES));
  for (const name of ['onednn', 'wasm'] as const)
    for (const [net, expected] of Object.entries(LOSSES))
      it(`${net} has PyTorch's losses in five steps, ${name}`, async () => {
        const { device } = await openDevice(name, { threads: 2 });
        setDefaultDevice(device);
        const step = await stepOf(NETS[net]!, 4, device);
        for (const [i, exact] of expected.float64.entries()) {
          const got = await step();
          // Batch normalisation over few images amplifies rounding errors from step to step, in PyTorch as well.
          const rounding = Math.abs(expected.float32[i]! - exact);
          assert.ok(
            Math.abs(got - exact) <= 1e-4 * exact + 4 * rounding,
            `${got} instead of ${exact} after step ${i}`,
          );
        }
        const [plan] = (await device.stats()).slice(-1);
        const scripted = new Set(plan!.scripted.filter((op) => !TINY.has(op)));
        assert.deepEqual([...scripted], [], 'operations that run in TypeScript');
        await device.close();
      });

  for (const [net, { float64: expected }] of Object.entries(LOSSES))
    it(`${net} has PyTorch's losses in five steps in float64, reference`, {
      skip: SLOW.has(net) && !process.env.PAPERWEIGHT_SLOW && 'takes minutes; PAPERWEIGHT_SLOW=1 runs it',
    }, async () => {
      const { device } = await openDevice('reference');
      setDefaultDevice(device);
      const step = await stepOf(NETS[net]!, 4, device, 'float64');
      for (const [i, exact] of expected.entries()) {
        const got = await step();
        assert.ok(Math.abs(got - exact) <= 1e-9 * exact, `${got} instead of ${exact} after step ${i}`);
      }
      await device.close();
    });
});
