import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { recipes } from '../../src/papers/alexnet/recipe.js';
import { prepareRun } from '../../src/papers/train.js';
import type { TrainConfig } from '../../src/train/config.js';
import { RunFolder } from '../../src/train/run-folder.js';
import { scratch, ToySet } from '../support/toy.js';

test('a run that was killed before its first checkpoint begins again', async (t) => {
  const trainSet = new ToySet(64);
  const { about: _, model, ...quick } = recipes.quick;
  const config: TrainConfig = {
    ...quick,
    version: 1,
    recipe: 'quick',
    model: { ...model, paper: 'alexnet', classes: [...trainSet.classes] },
    dataset: 'shapes10',
    seed: 0,
  };
  const folder = await RunFolder.create(join(await scratch(t), 'run'), config);
  for (const step of [1, 2]) await folder.log({ event: 'step', epoch: 1, step });
  const device = referenceDevice();
  const trainer = await prepareRun({ config, folder, device, trainSet, testSet: new ToySet(8) });
  assert.equal(trainer.step, 0);
  assert.deepEqual(await folder.metrics(), []);
  // So few steps leave no room for the recipe's warm-up and decay: they are shortened.
  assert.equal(trainer.stepsTotal, Math.ceil(64 / quick.batchSize));
});
