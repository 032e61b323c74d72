import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { openWorkerSpec } from '../../../src/data/dataset.js';
import { Shapes10, type Shapes10Options } from '../../../src/data/shapes10/shapes10.js';
import { UsageError } from '../../../src/errors/errors.js';

async function images(
  options: Shapes10Options,
  indices: number[],
): Promise<[label: number, image: string][]> {
  const set = await Shapes10.open(options);
  const into = new Uint8Array(3072);
  return indices.map((index) => [set.read(index, into, 0), Buffer.from(into).toString('base64')]);
}

test('has the usual lengths, ten classes and 3×32×32 images', async () => {
  const [train, held] = [await Shapes10.open({ train: true }), await Shapes10.open({ train: false })];
  assert.deepEqual([train.length, held.length], [10_000, 2_000]);
  assert.equal(new Set(train.classes).size, 10);
  assert.deepEqual(train.imageShape, [3, 32, 32]);
  assert.equal(train.describe(), 'Shapes10 train: 10,000 images drawn by code, seed 0');
});

test('an image depends on seed, split and index, not on the order of reading or the length', async () => {
  const indices = [3, 0, 77, 12];
  const first = await images({ train: true }, indices);
  const again = await images({ train: true, length: 100 }, indices.toReversed());
  assert.deepEqual(again.toReversed(), first);
  const other = await images({ train: true, seed: 1 }, indices);
  const held = await images({ train: false }, indices);
  for (const [i, [, image]] of first.entries()) {
    assert.notEqual(other[i]![1], image);
    assert.notEqual(held[i]![1], image);
  }
});

test('the images do not change between versions', async () => {
  const hash = createHash('sha256');
  const set = await Shapes10.open({ train: true, length: 200 });
  const into = new Uint8Array(3072);
  for (let i = 0; i < 200; i++) hash.update(Uint8Array.of(set.read(i, into, 0))).update(into);
  assert.equal(hash.digest('hex').slice(0, 16), 'e56a994de5bb3973');
});

test('every ten images show each class once, in an order that varies', async () => {
  const labels = (await images({ train: true, length: 200 }, [...Array(200).keys()])).map(([label]) => label);
  const orders = new Set<string>();
  for (let at = 0; at < 200; at += 10) {
    const ten = labels.slice(at, at + 10);
    orders.add(ten.join());
    assert.deepEqual(ten.toSorted(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  }
  assert.ok(orders.size > 15);
});

test('images have contrast and differ in all channels', async () => {
  const set = await Shapes10.open({ train: true, length: 50 });
  const into = new Uint8Array(3072);
  for (let i = 0; i < 50; i++) {
    set.read(i, into, 0);
    const mean = into.reduce((a, b) => a + b, 0) / 3072;
    const spread = Math.sqrt(into.reduce((a, b) => a + (b - mean) ** 2, 0) / 3072);
    assert.ok(spread > 8, `image ${i} has a spread of ${spread}`);
  }
});

test('classes can be learned: a nearest neighbour on radial profiles beats chance', async () => {
  // No model, only a check that labels and images belong together.
  const set = await Shapes10.open({ train: true, length: 3000 });
  const view = (index: number): [number, Float32Array] => {
    const into = new Uint8Array(3072);
    const label = set.read(index, into, 0);
    // Radial profile of the colour distance to the border, around the centre of mass of that distance.
    const ground = [0, 1, 2].map((c) => {
      let sum = 0;
      for (let k = 0; k < 32; k++) sum += into[c * 1024 + k]! + into[c * 1024 + 992 + k]!;
      return sum / 64;
    });
    const far = Float32Array.from({ length: 1024 }, (_, k) => {
      const d = [0, 1, 2].reduce((sum, c) => sum + Math.abs(into[c * 1024 + k]! - ground[c]!), 0);
      return d > 110 ? 1 : 0;
    });
    let [mass, x, y] = [1e-9, 0, 0];
    for (let k = 0; k < 1024; k++) {
      mass += far[k]!;
      x += far[k]! * (k % 32);
      y += far[k]! * (k >> 5);
    }
    const [sums, counts] = [new Float32Array(16), new Float32Array(16)];
    for (let k = 0; k < 1024; k++) {
      const bin = Math.min(15, Math.floor(Math.hypot((k % 32) - x / mass, (k >> 5) - y / mass)));
      sums[bin]! += far[k]!;
      counts[bin]!++;
    }
    return [label, sums.map((sum, i) => (counts[i] ? sum / counts[i]! : 0))];
  };
  const known = Array.from({ length: 2500 }, (_, i) => view(i));
  let right = 0;
  for (let i = 2500; i < 3000; i++) {
    const [label, profile] = view(i);
    let [best, nearest] = [Infinity, -1];
    for (const [other, candidate] of known) {
      const distance = candidate.reduce((sum, value, k) => sum + (value - profile[k]!) ** 2, 0);
      if (distance < best) [best, nearest] = [distance, other];
    }
    if (nearest === label) right++;
  }
  assert.ok(right > 125, `${right} of 500 right, chance is 50`);
});

test('another thread shares the cache and sees the same bytes', async () => {
  const set = await Shapes10.open({ train: false, length: 20 });
  const copy = await openWorkerSpec(structuredClone(set.workerSpec));
  const [a, b] = [new Uint8Array(3072), new Uint8Array(3072)];
  for (let i = 0; i < 20; i++) {
    assert.equal(copy.read(i, a, 0), set.read(i, b, 0));
    assert.deepEqual(a, b);
  }
});

test('opening draws nothing; an image is drawn when it is read', async () => {
  const set = await Shapes10.open({ train: true });
  const drawnSoFar = () =>
    (set.workerSpec.options as { status: Uint8Array }).status.reduce((a, b) => a + b, 0);
  assert.equal(drawnSoFar(), 0);
  const into = new Uint8Array(3072);
  for (let i = 0; i < 1000; i++) set.read(i, into, 0);
  assert.equal(drawnSoFar(), 1000);
});

test('bad options are usage errors', async () => {
  for (const length of [0, -1, 1.5, Number.NaN, 2_000_000]) {
    await assert.rejects(Shapes10.open({ train: true, length }), UsageError);
  }
  await assert.rejects(Shapes10.open({ train: true, length: 10, seed: 0.5 }), UsageError);
  const set = await Shapes10.open({ train: true, length: 10 });
  assert.throws(() => set.read(10, new Uint8Array(3072), 0), UsageError);
});
