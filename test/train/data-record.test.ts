import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Dataset } from '../../src/data/dataset.js';
import { UsageError } from '../../src/errors/errors.js';
import { checkData, DATA_FILE } from '../../src/train/data/data-record.js';
import { scratch } from '../support/toy.js';

const CLASSES = ['cat', 'dog', 'ship'];

function folder(counts: Readonly<Record<string, number>>, fingerprint = 'f0'): Dataset {
  const classes = Object.keys(counts);
  const labels = Int32Array.from(
    Object.values(counts).flatMap((n, label) => new Array<number>(n).fill(label)),
  );
  return {
    name: 'images in pets/train',
    length: labels.length,
    classes,
    imageShape: [1, 1, 1],
    labels,
    read: (index) => labels[index]!,
    fingerprint: async () => fingerprint,
  };
}

const BEGAN = { trainSet: folder({ cat: 4, dog: 4, ship: 2 }), testSet: folder({ cat: 2, dog: 2, ship: 2 }) };

async function begun(t: Parameters<typeof scratch>[0]): Promise<string> {
  const path = await scratch(t);
  assert.deepEqual(await checkData(path, BEGAN, CLASSES, false), []);
  return path;
}

test('a run records its data, and resumes with the same data', async (t) => {
  const path = await begun(t);
  const { train, test: measured } = JSON.parse(await readFile(join(path, DATA_FILE), 'utf8'));
  assert.deepEqual(train, { images: 10, classes: CLASSES, perClass: [4, 4, 2], fingerprint: 'f0' });
  assert.equal(measured.images, 6);
  assert.deepEqual(await checkData(path, BEGAN, CLASSES, true), []);
});

test('renamed, added and removed classes are refused, by name', async (t) => {
  const path = await begun(t);
  for (const [counts, words] of [
    [{ dog: 4, ship: 2, zcat: 4 }, /removed: cat; new: zcat/],
    [{ aardvark: 4, cat: 4, dog: 4, ship: 2 }, /\(new: aardvark\)/],
    [{ cat: 4, dog: 4 }, /removed: ship\)/],
  ] as const) {
    const trainSet = folder(counts as Record<string, number>);
    await assert.rejects(
      checkData(path, { ...BEGAN, trainSet }, CLASSES, true),
      (error: UsageError) =>
        error instanceof UsageError &&
        words.test(error.what) &&
        error.expected!.endsWith('cat, dog, ship') &&
        error.got === Object.keys(counts).join(', '),
    );
  }
  // A run from before this record existed still knows its classes.
  await rm(join(path, DATA_FILE));
  const trainSet = folder({ cat: 4, dog: 4, zebra: 2 });
  await assert.rejects(checkData(path, { ...BEGAN, trainSet }, CLASSES, true), /new: zebra/);
});

test('other numbers of images are refused, even if the total is the same', async (t) => {
  const path = await begun(t);
  const fewer = folder({ cat: 1, dog: 4, ship: 2 });
  await assert.rejects(
    checkData(path, { ...BEGAN, trainSet: fewer }, CLASSES, true),
    /Expected 10 images, as at its start; got 7 in .*\(cat 1 instead of 4\)/,
  );
  const moved = folder({ cat: 3, dog: 5, ship: 2 });
  await assert.rejects(
    checkData(path, { ...BEGAN, trainSet: moved }, CLASSES, true),
    /cat 3 instead of 4, dog 5/,
  );
  const testSet = folder({ cat: 2, dog: 2, ship: 3 });
  await assert.rejects(
    checkData(path, { ...BEGAN, testSet }, CLASSES, true),
    /another number of test images, which determines its accuracies/,
  );
});

test('the same classes in another order are the same data', async (t) => {
  const path = await begun(t);
  const { fingerprint: _, ...trainSet } = folder({ ship: 2, cat: 4, dog: 4 });
  const { fingerprint: __, ...before } = BEGAN.trainSet;
  await checkData(path, { ...BEGAN, trainSet: before }, CLASSES, false);
  assert.deepEqual(await checkData(path, { ...BEGAN, trainSet }, CLASSES, true), []);
});

test('swapped class names are refused', async (t) => {
  const path = await begun(t);
  const trainSet = folder({ dog: 4, cat: 4, ship: 2 });
  await assert.rejects(
    checkData(path, { ...BEGAN, trainSet }, CLASSES, true),
    /other class names for the same files .*\(cat is now dog, dog is now cat\)/,
  );
});

test('different files of the same number are reported', async (t) => {
  const path = await begun(t);
  const trainSet = folder({ cat: 4, dog: 4, ship: 2 }, 'f1');
  const notes = await checkData(path, { ...BEGAN, trainSet }, CLASSES, true);
  assert.equal(notes.length, 1);
  assert.match(notes[0]!, /training images are different files/);
});

test('other samples of a set of another kind are told, though as many', async (t) => {
  const path = await scratch(t);
  const texts = (text: string) => ({
    name: 'text',
    length: text.length,
    get: (i: number) => text.charCodeAt(i),
  });
  const random = () => ({ name: 'noise', length: 9, get: () => Math.random() });
  const before = { trainSet: texts('the first text'), testSet: random() };
  assert.deepEqual(await checkData(path, before, [], false), []);
  assert.deepEqual(await checkData(path, { ...before, testSet: random() }, [], true), []);
  const notes = await checkData(path, { ...before, trainSet: texts('another text!!') }, [], true);
  assert.equal(notes.length, 1);
  assert.match(notes[0]!, /The training samples are others than at the start of the run, though as many/);
});
