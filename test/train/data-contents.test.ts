import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Dataset, Shapes10 } from '../../src/index.js';
import { contentsOf } from '../../src/train/data/data-contents.js';

const IMAGE = 3 * 8 * 8;

/** 100 images in memory; `change` alters the pixels or the labels. */
function memory(change: (pixels: Uint8Array, labels: Int32Array) => void = () => {}): Dataset {
  const pixels = Uint8Array.from({ length: 100 * IMAGE }, (_, i) => i % 251);
  const labels = Int32Array.from({ length: 100 }, (_, i) => i % 10);
  change(pixels, labels);
  return {
    name: 'memory',
    length: 100,
    classes: Array.from('0123456789'),
    imageShape: [3, 8, 8],
    read(index, into, offset) {
      into.set(pixels.subarray(index * IMAGE, (index + 1) * IMAGE), offset);
      return labels[index]!;
    },
  };
}

describe('the contents of a data set', () => {
  test('are equal for equal sets, and differ if one byte or one label does', async () => {
    const own = await contentsOf(memory());
    assert.match(own!, /^[0-9a-f]{64}$/);
    assert.equal(await contentsOf(memory()), own);
    const others = [
      (pixels: Uint8Array) => pixels.set(pixels.map((value) => 255 - value)),
      (pixels: Uint8Array) => pixels[57 * IMAGE + 11]!++,
      (_: Uint8Array, labels: Int32Array) => labels.set(labels.map((label) => (label + 1) % 10)),
      (_: Uint8Array, labels: Int32Array) => ([labels[98], labels[99]] = [labels[99]!, labels[98]!]),
    ];
    for (const change of others) assert.notEqual(await contentsOf(memory(change)), own, `${change}`);
  });

  test('of samples and of images that are read asynchronously', async () => {
    const samples = (value: number) => ({
      name: 's',
      length: 3,
      get: (i: number) => [i, { x: [value, 'a'] }],
    });
    assert.equal(await contentsOf(samples(1)), await contentsOf(samples(1)));
    assert.notEqual(await contentsOf(samples(1)), await contentsOf(samples(2)));
    const slow = (value: number): Dataset => ({
      ...memory(),
      async readMany(indices, into, labels) {
        into.fill(value);
        labels[0] = indices[0]!;
      },
    });
    assert.notEqual(await contentsOf(slow(1)), await contentsOf(slow(2)));
  });

  test('are unknown if reading again gives other values', async () => {
    let count = 0;
    const random = { ...memory(), read: (_i: number, into: Uint8Array) => into.fill(count++).length && 1 };
    assert.equal(await contentsOf(random), undefined);
    assert.equal(await contentsOf({ name: 'random', length: 5, get: () => count++ }), undefined);
  });

  test('of drawn images follow from what determines them', async () => {
    const of = async (seed: number) => contentsOf(await Shapes10.open({ train: true, seed }));
    assert.equal(await of(1), await of(1));
    assert.notEqual(await of(1), await of(2));
  });
});
