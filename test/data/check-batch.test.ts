import assert from 'node:assert/strict';
import test from 'node:test';
import { assembleBatch } from '../../src/data/batch.js';
import { type Dataset, UNREADABLE } from '../../src/data/dataset.js';
import { DataLoader } from '../../src/data/loader.js';
import { Subset } from '../../src/data/subset.js';
import { DataError } from '../../src/errors/errors.js';

const set = (label: unknown, write: (into: Uint8Array, offset: number) => void = () => {}): Dataset => ({
  name: 'mine',
  length: 3,
  classes: ['a', 'b'],
  imageShape: [1, 1, 4],
  read(_index, into, offset) {
    write(into, offset);
    return label as number;
  },
});
const many = (label: unknown): Dataset => ({
  ...set(0),
  async readMany(indices, _into, labels) {
    for (let i = 0; i < indices.length; i++) labels[i] = label as number;
  },
});
const batch = (dataset: Dataset) => assembleBatch(dataset, Int32Array.of(2, 1), 0);
const refused = (work: Promise<unknown>, words: RegExp) =>
  assert.rejects(work, (error) => error instanceof DataError && words.test(error.message));

test('a label out of range is refused before a typed array truncates it', async () => {
  for (const make of [set, many, (label: unknown) => new Subset(many(label), [2, 1, 0])])
    for (const label of [0.5, -1, -0.2, Number.NaN, Number.POSITIVE_INFINITY, 2, 2 ** 32, undefined])
      await refused(batch(make(label)), /mine.*a label out of range.*a label from 0 to 1/);
  assert.deepEqual((await batch(set(1))).labels, Int32Array.of(1, 1));
  assert.deepEqual((await batch(many(UNREADABLE))).labels, Int32Array.of(UNREADABLE, UNREADABLE));
  await refused(
    (async () => {
      for await (const _ of new DataLoader(set(0.5), { batchSize: 2 }));
    })(),
    /got 0\.5/,
  );
});

test('a data set that reads asynchronously, and a collate without a result, are refused', async () => {
  await refused(
    batch(set(Promise.resolve(1))),
    /read\(\) of mine did not return the label of image 2.*readMany/,
  );
  const samples = { name: 'samples', length: 2, get: (i: number) => i };
  const loader = new DataLoader(samples, { batchSize: 2, collate: () => undefined as never });
  await assert.rejects(
    loader[Symbol.asyncIterator]().next(),
    /collate of the loader of samples returned nothing/,
  );
});

test('an image of floats is refused, however it is written', async () => {
  for (const values of [
    [0.1, 0.5, 0.9, 1],
    [0, 0, 0, 127.5],
    [-1, 0, 1, 2],
    [0, 300, 0, 0],
    [Number.NaN, 0, 0, 0],
  ]) {
    await refused(
      batch(set(0, (into, offset) => into.set(values, offset))),
      /mine writes values that are not bytes/,
    );
    const oneByOne = set(0, (into, offset) => {
      for (const [i, value] of values.entries()) into[offset + i] = value;
    });
    await refused(batch(oneByOne), /not bytes/);
    await refused(batch(new Subset(oneByOne, [0, 1, 2])), /not bytes/);
  }
});

test('an image of bytes is accepted, however it is written', async () => {
  const bytes = Uint8Array.of(0, 1, 200, 255);
  for (const write of [
    (into: Uint8Array, offset: number) => into.set(bytes, offset),
    (into: Uint8Array, offset: number) => Buffer.from(bytes).copy(into, offset),
    (into: Uint8Array, offset: number) => new Uint8Array(into.buffer, into.byteOffset).set(bytes, offset),
  ])
    assert.deepEqual((await batch(set(0, write))).images, Uint8Array.of(...bytes, ...bytes));
});

test('an image is written to its own row, also by a data set that ignores the offset', async () => {
  const label = (index: number): number => index % 2;
  for (const dtype of ['uint8', 'float32'] as const)
    for (const write of [
      (into: Uint8Array, _: number, index: number) => into.fill(index + 1),
      (into: Uint8Array, _: number, index: number) => into.set([index + 1, index + 1, index + 1, index + 1]),
      (into: Uint8Array, offset: number, index: number) => into.fill(index + 1, offset),
    ]) {
      const mine = {
        ...set(0),
        dtype,
        read(index: number, into: Uint8Array, offset: number) {
          write(into, offset, index);
          return label(index);
        },
      };
      for (const one of [mine, new Subset(mine, [0, 1, 2])]) {
        const { images, labels } = await batch(one);
        assert.deepEqual([...images], [3, 3, 3, 3, 2, 2, 2, 2], dtype);
        assert.deepEqual([...labels], [0, 1]);
      }
    }
});

test('an image that was not written completely is zero in the rest, not the one before it', async () => {
  const part = { ...set(0), read: (index: number, into: Uint8Array) => (into[0] = index) * 0 };
  assert.deepEqual([...(await batch(part)).images], [2, 0, 0, 0, 1, 0, 0, 0]);
});

test('an image that is larger than declared is refused', async () => {
  await refused(
    batch(set(0, (into, offset) => into.set([1, 2, 3, 4, 5], offset))),
    /Image 2 of mine cannot be read.*4 values, for images \[1, 1, 4\].*imageShape/,
  );
});
