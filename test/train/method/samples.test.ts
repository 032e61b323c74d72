import assert from 'node:assert/strict';
import { test } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { Linear } from '../../../src/nn/index.js';
import { readSamples } from '../../../src/run/sample-files.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { tensor } from '../../../src/tensor/tensor.js';
import { recordSamples } from '../../../src/train/method/samples.js';
import { scratch } from '../../support/toy.js';

setDefaultDevice(referenceDevice());

const images = (count: number) =>
  tensor(
    Float32Array.from({ length: count }, (_, i) => (i % 256) / 255),
    { shape: [count, 1, 1, 1] },
  );
const notes: string[] = [];
const parts = {
  model: new Linear(1, 1),
  seed: 1,
  note: (text: string) => void notes.push(text),
};

test('of a set with very many images the first ones are kept', async (t) => {
  const run = await scratch(t);
  await recordSamples(
    { ...parts, reported: new Set(), run, samples: () => ({ many: images(480), few: images(3) }) },
    7,
  );
  const { sets } = await readSamples(run, 7);
  assert.deepEqual([...sets.keys()].sort(), ['few', 'many']);
  assert.deepEqual(
    [sets.get('few')!.shape, sets.get('many')!.shape],
    [
      [3, 1, 1, 1],
      [400, 1, 1, 1],
    ],
  );
  assert.deepEqual([...sets.get('many')!.data.slice(253, 258)], [253, 254, 255, 0, 1]);
});

test('what is no image is refused', async (t) => {
  const run = await scratch(t);
  const flat = () => images(3).reshape(3);
  await assert.rejects(
    recordSamples({ ...parts, reported: new Set(), run, samples: flat }, 7),
    /with at least one image.*\[3\]/s,
  );
});

test('NaN in images is told', async (t) => {
  const run = await scratch(t);
  notes.length = 0;
  const bad = () => ({ bad: images(3).div(0), good: images(3) });
  await recordSamples({ ...parts, reported: new Set(), run, samples: bad }, 7);
  assert.equal(notes[0], 'samples() gave NaN in 1 of 3 values of bad, which are drawn black.');
  assert.match(notes[1]!, /^samples\(\) gave bad with values from Infinity to Infinity, 67 % outside/);
  assert.equal(notes.length, 2);
});

test('values outside of 0 to 1 are told once for each set, with their range', async (t) => {
  const run = await scratch(t);
  notes.length = 0;
  const samples = () => ({
    tanh: images(256).mul(2).sub(1),
    good: images(256),
    rounded: images(256).mul(1.001),
  });
  const reported = new Set<string>();
  for (const step of [7, 14]) await recordSamples({ ...parts, reported, run, samples }, step);
  assert.equal(notes.length, 1);
  assert.match(
    notes[0]!,
    /^samples\(\) gave tanh with values from −1 to 1, 50 % outside of 0 to 1.*images\.add\(1\)\.div\(2\)/,
  );
});
