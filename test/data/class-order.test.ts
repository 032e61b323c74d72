import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inClassesOf } from '../../src/data/class-order.js';
import { type Dataset, openWorkerSpec, UNREADABLE } from '../../src/data/dataset.js';
import { Shapes10 } from '../../src/data/shapes10/shapes10.js';
import { UsageError } from '../../src/errors/errors.js';

function labelled(classes: readonly string[], own: readonly number[], known = true): Dataset {
  return {
    name: 'pets',
    length: own.length,
    classes,
    imageShape: [1, 1, 1],
    ...(known ? { labels: Int32Array.from(own) } : {}),
    read: (index) => own[index]!,
    async readMany(indices, _into, labels) {
      for (let i = 0; i < indices.length; i++) labels[i] = own[indices[i]!]!;
    },
  };
}

const MODEL = ['cat', 'dog', 'ship'];

test('classes in another order are matched by name, in read, readMany and labels', async () => {
  const set = inClassesOf(labelled(['ship', 'cat', 'dog'], [0, 1, 2, UNREADABLE]), MODEL);
  assert.deepEqual(set.classes, MODEL);
  const right = [2, 0, 1, UNREADABLE];
  assert.deepEqual([...set.labels!], right);
  assert.deepEqual(
    right.map((_, i) => set.read(i, new Uint8Array(1), 0)),
    right,
  );
  const labels = new Int32Array(4);
  await set.readMany!([0, 1, 2, 3], new Uint8Array(4), labels);
  assert.deepEqual([...labels], right);
});

test('a data set may lack classes; with equal lists it is returned unchanged', () => {
  assert.deepEqual([...inClassesOf(labelled(['dog', 'ship'], [0, 1]), MODEL).labels!], [1, 2]);
  const same = labelled([...MODEL], [0]);
  assert.equal(inClassesOf(same, MODEL), same);
});

test('composed and decomposed forms of a name are one class', () => {
  const set = inClassesOf(labelled(['chat', 'écureuil'.normalize('NFD')], [0, 1]), [
    'écureuil'.normalize('NFC'),
    'chat',
  ]);
  assert.deepEqual([...set.labels!], [1, 0]);
});

test('an unknown class that has images is an error that shows both lists', () => {
  const refused = (set: Dataset) =>
    assert.throws(
      () => inClassesOf(set, MODEL, 'runs/x'),
      (error: UsageError) =>
        error instanceof UsageError &&
        /runs\/x.*zebra/.test(error.what) &&
        error.expected === 'classes among: cat, dog, ship' &&
        error.got === 'cat, dog, zebra',
    );
  refused(labelled(['cat', 'dog', 'zebra'], [0, 1, 2]));
  // Without known labels, it may have images.
  refused(labelled(['cat', 'dog', 'zebra'], [0, 1], false));
  assert.deepEqual([...inClassesOf(labelled(['ant', 'cat', 'dog'], [1, 2]), MODEL).labels!], [0, 1]);
});

test('a name shared by two classes is an error', () => {
  const twice = ['crane', 'crane', 'dog'];
  assert.throws(() => inClassesOf(labelled(['dog', 'crane'], [0, 1]), twice), /by name: crane/);
  assert.throws(() => inClassesOf(labelled(['crane', 'dog', 'crane'], [0, 1, 2]), twice), UsageError);
  assert.deepEqual([...inClassesOf(labelled(['dog', 'crane'], [0, 0]), twice).labels!], [2, 2]);
  const same = labelled(twice, [0, 1, 2]);
  assert.equal(inClassesOf(same, twice), same);
});

test('worker threads open the same labels', async () => {
  const set = inClassesOf(
    await Shapes10.open({ train: false, length: 20 }),
    [...(await Shapes10.open({ train: false })).classes].reverse(),
  );
  const other = await openWorkerSpec(set.workerSpec!);
  const read = (from: Dataset) => Array.from({ length: 20 }, (_, i) => from.read(i, new Uint8Array(3072), 0));
  assert.deepEqual(read(other), read(set));
  assert.deepEqual(read(set), [...set.labels!]);
});
