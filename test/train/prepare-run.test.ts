import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDevice } from '../../src/backend/open.js';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { recipes } from '../../src/papers/alexnet/recipe.js';
import { buildModel, partsOf } from '../../src/papers/paper.js';
import { CONFIG_KEY } from '../../src/papers/recognise.js';
import { openPaper } from '../../src/papers/registry.js';
import { prepareRun } from '../../src/papers/train.js';
import { saveWeights } from '../../src/run/checkpoint.js';
import type { TrainConfig } from '../../src/run/config.js';
import { RunFolder } from '../../src/run/run-folder.js';
import { scratch, ToySet } from '../support/toy.js';

test('a run reports that another device or library computes it from now on', async (t) => {
  const trainSet = new ToySet(64);
  const { model, training: quick } = partsOf(recipes.quick);
  const { device } = await openDevice('onednn', { threads: 1 });
  t.after(() => device.close());
  const config = (deviceInfo: object): TrainConfig => ({
    ...quick,
    version: 1,
    recipe: 'quick',
    model: { ...model, paper: 'resnet', preset: 'resnet-20', imageSize: 32, classes: [...trainSet.classes] },
    dataset: 'shapes10',
    seed: 0,
    batchSize: 2,
    maxSteps: 1,
    machine: { device: deviceInfo },
  });
  for (const [info, said] of [
    [await device.info(), undefined],
    [{ ...(await device.info()), threads: 64 }, /computed by threads 64 \(now 1\); from here on/],
  ] as const) {
    const path = join(await scratch(t), 'run');
    await RunFolder.create(path, config(info));
    const notes: string[] = [];
    for (let time = 0; time < 2; time++) {
      const folder = RunFolder.open(path);
      const observer = { note: (text: string) => void notes.push(text) };
      const parts = { config: config(info), folder, device, trainSet, testSet: new ToySet(1), observer };
      const trainer = await prepareRun(parts);
      await trainer.run();
    }
    const told = notes.find((text) => text.includes('computed by'));
    if (said) assert.match(told!, said);
    else assert.equal(told, undefined);
  }
});

test('a run that was killed before its first checkpoint starts again', async (t) => {
  const trainSet = new ToySet(64);
  const { model, training: quick } = partsOf(recipes.quick);
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
  // A run this short has no space for the recipe's warm-up and decay: they are shortened.
  assert.equal(trainer.stepsTotal, Math.ceil(64 / quick.batchSize));
});

test('weights of the four-layer network start with the rows of the same class names', async (t) => {
  const from = join(await scratch(t), 'three.safetensors');
  const classes = ['ship', 'cat', 'dog'];
  const { model, training } = partsOf(recipes['four-layer']);
  const settings = { ...model, paper: 'alexnet', classes };
  const net = buildModel(await openPaper('alexnet'), settings);
  const bias = net.stateDict().get('classifier.0.bias')!;
  bias.load(Float32Array.of(1, 2, 3));
  for (const [told, rows] of [
    [settings, [2, 1]],
    [undefined, undefined],
  ] as const) {
    const metadata: Record<string, string> = told ? { [CONFIG_KEY]: JSON.stringify(told) } : {};
    await saveWeights(from, net, metadata);
    const own = told ? ['cat', 'ship'] : ['a', 'b', 'c'];
    const set = new ToySet(8, 1, (_, label) => label % own.length);
    const trainSet = Object.assign(set, { classes: own });
    const config: TrainConfig = {
      ...training,
      maxSteps: 1,
      ...{ version: 1, recipe: 'four-layer', dataset: 'shapes10', seed: 0 },
      model: { ...settings, classes: own },
      startFrom: { file: from, partial: false },
    };
    const folder = await RunFolder.create(join(await scratch(t), 'run'), config);
    const notes: string[] = [];
    const observer = { note: (text: string) => void notes.push(text) };
    const parts = { config, folder, device: referenceDevice(), trainSet, testSet: trainSet, observer };
    const trainer = await prepareRun(parts);
    const started = (await trainer.weights()).get('classifier.0.bias')!;
    assert.deepEqual([...started], rows ?? [1, 2, 3]);
    await trainer.run();
    assert.match(notes.join('\n'), rows ? /matched by class name/ : /in this order: a, b, c/);
  }
});
