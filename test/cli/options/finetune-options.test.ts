import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { openDevice } from '../../../src/backend/open.js';
import { patternAndFactor, repeated } from '../../../src/cli/options/options.js';
import { configFrom, resumedConfig } from '../../../src/cli/train/config.js';
import type { TrainFlags } from '../../../src/cli/train/flags.js';
import { UsageError } from '../../../src/errors/errors.js';
import { dryRun } from '../../../src/papers/dry-run.js';
import { openPaper } from '../../../src/papers/registry.js';
import { trainConfigSchema } from '../../../src/run/config.js';
import { openDataset } from '../../../src/train/datasets.js';
import { onShapes } from '../../support/settings.js';
import { scratch } from '../../support/toy.js';

const config = async (flags: Partial<TrainFlags>) =>
  onShapes(configFrom({ device: 'auto', ...flags }, await openPaper('alexnet')), ['a', 'b']);

test('flags of fine-tuning are stored in the configuration and read back', async () => {
  const flags: Partial<TrainFlags> = {
    init: 'ten.safetensors',
    partial: true,
    freeze: ['features'],
    lrScale: [{ pattern: 'classifier.1', factor: 0.1 }],
    accumulate: 4,
    clipNorm: 1,
    clipValue: 0.5,
    ema: 0.999,
    labelSmoothing: 0.1,
    overfitBatches: 2,
    onNan: 'rollback',
  };
  const made = await config(flags);
  const { init: _, partial: __, ...same } = flags;
  assert.deepEqual(made, {
    ...made,
    ...same,
    startFrom: { file: resolve('ten.safetensors'), partial: true },
  });
  assert.deepEqual(trainConfigSchema.parse(JSON.parse(JSON.stringify(made))), made);
  assert.deepEqual(resumedConfig(made, { device: 'auto', ...flags, onNan: 'skip' }), {
    ...made,
    onNan: 'skip',
  });
  for (const changed of [{ ema: 0.9 }, { freeze: ['avgpool'] }, { init: 'other.pth' }, { accumulate: 2 }])
    assert.throws(
      () => resumedConfig(made, { device: 'auto', ...changed }),
      /cannot change when a run is resumed/,
    );
});

test('--init is the name of an initialisation or a file, and --partial needs the file', async () => {
  assert.equal((await config({ init: 'kaiming' })).model.init, 'kaiming');
  assert.equal((await config({ init: 'kaiming' })).startFrom, undefined);
  for (const flags of [{ partial: true }, { partial: true, init: 'kaiming' }])
    await assert.rejects(config(flags), (e) => e instanceof UsageError && /--partial/.test(e.message));
});

test('a repeatable flag makes a list; a factor is a number above 0', () => {
  const parse = repeated(patternAndFactor('--lr-scale'));
  assert.deepEqual(parse('b=2', parse('a.*=0.5', undefined)), [
    { pattern: 'a.*', factor: 0.5 },
    { pattern: 'b', factor: 2 },
  ]);
  for (const bad of ['a', '=1', 'a=', 'a=0', 'a=-1', 'a=x'])
    assert.throws(() => parse(bad, undefined), UsageError);
});

test('a dry run tries every part of a run, and leaves nothing behind', async (t) => {
  const { device } = await openDevice('onednn', { threads: 2 });
  t.after(() => device.close());
  const paper = await openPaper('resnet');
  const [trainSet, testSet] = await Promise.all([
    openDataset({ dataset: 'shapes10', train: true }),
    openDataset({ dataset: 'shapes10', train: false }),
  ]);
  const flags: TrainFlags = { device: 'auto', batchSize: 4, ema: 0.9, freeze: ['stem'] };
  const made = onShapes(configFrom(flags, paper), trainSet.classes);
  const above = await scratch(t);
  const said = await dryRun(join(above, 'runs', 'mine'), { config: made, trainSet, testSet, device });
  assert.match(said, /^Dry run: no problems found\. 2 steps, 4 images evaluated/);
  assert.deepEqual(await readdir(above), []);
});
