import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrainFlags } from '../../../src/cli/train/flags.js';
import { inTime, stepsWithin } from '../../../src/cli/train/in-time.js';
import { openPaper } from '../../../src/papers/registry.js';
import type { TrainConfig } from '../../../src/run/config.js';
import { toyConfig } from '../../support/toy.js';

const QUICK = { maxSteps: 500, batchSize: 16, evalLimit: 1000 };

test('as many steps as fit into the minutes, in tens, with time for the evaluation', () => {
  assert.equal(stepsWithin(QUICK, 0.5, 11), 500);
  assert.equal(stepsWithin(QUICK, 1.6, 11), 390);
  assert.equal(stepsWithin({ ...QUICK, evalLimit: undefined }, 1.6, 11), 410);
  assert.equal(stepsWithin(QUICK, 60, 11), 100, 'fewer would show nothing');
  assert.equal(stepsWithin({ ...QUICK, maxSteps: 50 }, 60, 11), 50);
});

const paper = await openPaper('alexnet');
const config: TrainConfig = {
  ...toyConfig({ recipe: 'quick', ...QUICK }),
  model: { ...toyConfig().model, paper: 'alexnet', preset: 'four-layer', imageSize: 32, dropout: 0 },
};
const slow = async (): Promise<number> => 2;
const of = (flags: Partial<TrainFlags>, device = 'wasm', given = config) =>
  inTime(given, { paper, flags: flags as TrainFlags, device }, slow);

test('on wasm a short recipe is made shorter, and the run says so', async () => {
  const { config: fitted, remark } = await of({});
  assert.deepEqual(fitted, { ...config, maxSteps: 300 });
  assert.equal(
    remark,
    'A step takes 2.0 s on this device, so 500 steps would take 17 minutes: this run trains 300. --max-steps 500 trains all of them.',
  );
});

test('other devices, other recipes, and lengths that were given stay as they are', async () => {
  assert.deepEqual(await of({}, 'onednn'), { config });
  assert.deepEqual(await of({ maxSteps: 500 }), { config });
  assert.deepEqual(await of({ epochs: 1 }), { config });
  const notes = { ...config, recipe: 'notes' };
  assert.deepEqual(await of({}, 'wasm', notes), { config: notes });
});

test('a step of a small network is timed, and only the number of steps depends on it', async () => {
  const flags = { threads: 1 } as TrainFlags;
  const { config: fitted } = await inTime(config, { paper, flags, device: 'wasm' });
  assert.ok(fitted.maxSteps! >= 100 && fitted.maxSteps! <= 500);
  assert.deepEqual({ ...fitted, maxSteps: 500 }, config);
});
