import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dataset } from '../../src/data/dataset.js';
import { Shapes10 } from '../../src/data/shapes10/shapes10.js';
import { describeSample, sampleOf, spreadOrder } from '../../src/data/stratified-sample.js';

/** Images of one pixel with the image's index, sorted by class as in folders; `sizes` are images per class. */
function sorted(...sizes: number[]): Dataset {
  const labels = Int32Array.from(sizes.flatMap((size, label) => new Array<number>(size).fill(label)));
  return {
    name: 'sorted',
    length: labels.length,
    classes: sizes.map((_, i) => `c${i}`),
    imageShape: [1, 1, 1],
    labels,
    read(index, into, offset) {
      into[offset] = index % 256;
      return labels[index]!;
    },
  };
}

const count = (labels: ArrayLike<number>, classes: number): number[] => {
  const counts = new Array<number>(classes).fill(0);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]!++;
  return counts;
};

test('a sample is stratified, whatever the order of the files', () => {
  const set = sorted(1000, 200);
  const [a, b] = count(sampleOf(set, 300).labels!, 2) as [number, number];
  assert.ok(Math.abs(a - 250) <= 1 && a + b === 300, `${a} and ${b}`);
  // Every prefix is stratified too.
  const { labels } = sampleOf(set, 1200);
  for (const n of [12, 60, 240, 600]) {
    const [first] = count(labels!.subarray(0, n), 2);
    assert.ok(Math.abs(first! - (n * 5) / 6) <= 1, `${first} of ${n}`);
  }
});

test('classes of equal size have equal shares, and each image occurs once', () => {
  const set = sorted(...new Array<number>(10).fill(50));
  assert.deepEqual(count(sampleOf(set, 100).labels!, 10), new Array(10).fill(10));
  const order = spreadOrder(set.length, set.labels);
  assert.deepEqual(
    [...order].sort((x, y) => x - y),
    Array.from({ length: 500 }, (_, i) => i),
  );
  // Not simply the first images of each class.
  assert.ok([...order.subarray(0, 10)].some((index) => index % 50 > 10));
});

test('rare classes are neither always nor never included', () => {
  // One large class and 99 classes of one image: most of a sample of 100 is from the large class.
  const seen = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((seed) => {
    const { labels } = sampleOf(sorted(10_000, ...new Array<number>(99).fill(1)), 100, seed);
    return 100 - count(labels!, 100)[0]!;
  });
  const total = seen.reduce((a, b) => a + b, 0);
  assert.ok(total >= 1 && total <= 40, String(seen));
});

test('the sample depends only on labels and seed, and works without labels', () => {
  const set = sorted(30, 30);
  assert.deepEqual([...sampleOf(set, 20).labels!], [...sampleOf(sorted(30, 30), 20).labels!]);
  assert.notDeepEqual([...spreadOrder(60, set.labels, 1)], [...spreadOrder(60, set.labels, 0)]);
  const { labels: _, ...unlabelled } = set;
  const found = Array.from({ length: 20 }, (__, i) => sampleOf(unlabelled, 20).read(i, new Uint8Array(1), 0));
  assert.ok(count(found, 2).every((n) => n > 3));
  assert.equal(sampleOf(set, 1000).length, 60);
});

test('the built-in data sets know their labels without reading', async () => {
  const set = await Shapes10.open({ train: false, length: 40 });
  const read = Array.from({ length: 40 }, (_, i) => set.read(i, new Uint8Array(3072), 0));
  assert.deepEqual([...set.labels], read);
});

test('describeSample', () => {
  assert.equal(describeSample(100, undefined), undefined);
  assert.equal(
    describeSample(1000, 10_000),
    'a random sample of 1,000 of the 10,000 test images, spread over the classes',
  );
  assert.equal(describeSample(10, 20, 'samples'), '10 of the 20 test samples');
});
