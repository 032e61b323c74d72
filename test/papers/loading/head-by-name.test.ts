import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Weight } from '../../../src/interop/weights.js';
import { fixedHeadNotes, headByName } from '../../../src/papers/loading/head-by-name.js';
import { CONFIG_KEY } from '../../../src/papers/recognise.js';
import { scratch, toyConfig } from '../../support/toy.js';

const BIAS = 'fc.bias';
const AXES = new Map([
  ['fc.weight', 0],
  [BIAS, 0],
]);
/** Row i of the weight is [10 i, 10 i + 1], of the bias i. */
const weights = (rows: number): Map<string, Weight> =>
  new Map([
    ['conv.weight', { shape: [2], data: Float32Array.of(7, 8) }],
    [
      'fc.weight',
      { shape: [rows, 2], data: Float32Array.from({ length: 2 * rows }, (_, i) => 10 * (i >> 1) + (i & 1)) },
    ],
    [BIAS, { shape: [rows], data: Float32Array.from({ length: rows }, (_, i) => i) }],
  ]);

const THEIRS = ['cat', 'dog', 'ship'];
const model = (classes: readonly string[]) => ({ ...toyConfig().model, classes: [...classes] });
const given = (partial = false, classes: readonly string[] = THEIRS) => ({
  file: '/tmp/w.safetensors',
  partial,
  weights: weights(classes.length),
  metadata: { [CONFIG_KEY]: JSON.stringify(model(classes)) },
});
const rowsIn = (found: ReadonlyMap<string, Weight>): number[] => [...found.get(BIAS)!.data];

test('rows of the last layer follow class names, in another order and for a subset', async () => {
  for (const [classes, rows] of [
    [
      ['ship', 'cat', 'dog'],
      [2, 0, 1],
    ],
    [
      ['ship', 'dog'],
      [2, 1],
    ],
  ] as const) {
    const { weights: found, notes } = await headByName(given(), AXES, classes);
    assert.deepEqual(rowsIn(found), rows);
    assert.deepEqual(
      [...found.get('fc.weight')!.data],
      rows.flatMap((row) => [10 * row, 10 * row + 1]),
    );
    assert.deepEqual(found.get('fc.weight')!.shape, [rows.length, 2]);
    assert.deepEqual([...found.get('conv.weight')!.data], [7, 8]);
    assert.match(notes.join(), /matched by class name/);
  }
  const same = given();
  assert.deepEqual(await headByName(same, AXES, THEIRS), { weights: same.weights, notes: [] });
});

test('an unknown class is an error with both lists, or reinitialises the last layer', async () => {
  const classes = ['cat', 'dog', 'zebra'];
  await assert.rejects(
    headByName(given(), AXES, classes),
    /does not have the classes zebra\. Expected classes among: cat, dog, ship; got cat, dog, zebra.*--partial/,
  );
  const { weights: found, notes } = await headByName(given(true), AXES, classes);
  assert.deepEqual([...found.keys()], ['conv.weight']);
  assert.match(notes.join(), /has other classes \(cat, dog, ship\) than this model \(cat, dog, zebra\)/);
});

test('a file in a run has the classes of the run; for other files, a message says that there are none', async (t) => {
  const run = await scratch(t);
  const own = toyConfig();
  await mkdir(join(run, 'checkpoints'));
  await writeFile(join(run, 'config.json'), JSON.stringify({ ...own, model: model(THEIRS) }));
  const file = join(run, 'checkpoints', 'best-1.safetensors');
  const bare = { file, partial: false, weights: weights(3), metadata: {} };
  assert.deepEqual(rowsIn((await headByName(bare, AXES, ['dog', 'cat', 'ship'])).weights), [1, 0, 2]);
  const elsewhere = await headByName({ ...bare, file: join(run, 'w.pth') }, AXES, ['dog', 'cat', 'ship']);
  assert.deepEqual(rowsIn(elsewhere.weights), [0, 1, 2]);
  assert.match(elsewhere.notes.join(), /does not name its classes; .* in this order: dog, cat, ship/);
  const fewer = await headByName({ ...bare, file: join(run, 'w.pth'), partial: true }, AXES, ['dog', 'cat']);
  assert.match(fewer.notes.join(), /last layer of 3 classes cannot be matched to the 2 of this model/);
});

test('fewer classes than a network always has outputs: the message says that their order is assumed', () => {
  const file = { file: 'w.pth', metadata: {} };
  assert.deepEqual(fixedHeadNotes(file, 3, THEIRS), []);
  assert.match(
    fixedHeadNotes(file, 10, THEIRS).join(),
    /first 3 are assumed .* in this order: cat, dog, ship/,
  );
  const named = given(false, ['cat', 'dog', 'ship', 'zebra']);
  assert.deepEqual(fixedHeadNotes(named, 4, THEIRS), []);
  assert.match(fixedHeadNotes(named, 4, ['dog', 'cat']).join(), /in this order: dog, cat/);
});
