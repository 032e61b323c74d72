import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { decodeSquare } from '../../../src/data/images/decode.js';
import { ImageFolder } from '../../../src/data/images/image-folder.js';
import { DataError } from '../../../src/errors/errors.js';
import { drawImage, encoder } from '../../support/draw-images.js';
import { tar, temporaryFolder } from '../support.js';

const SIDE = 16;
const image = async (seed: number): Promise<Buffer> =>
  encoder(await drawImage(seed, seed, { width: 30, height: 24 }))
    .jpeg()
    .toBuffer();
const label = (n: number): Buffer => Buffer.from(`${n}\n`);

test('images in archives have the labels of their .cls files, and the index is cached', async (t) => {
  const root = await temporaryFolder(t);
  const [a, b, c] = [await image(0), await image(1), await image(2)];
  const long = `${'long-name-'.repeat(12)}x.jpg`;
  const record = ` path=${long}\n`;
  const note = Buffer.from(`${record.length + 3}${record}`);
  for (const split of ['train', 'val']) await mkdir(path.join(root, split));
  await writeFile(
    path.join(root, 'train/b.tar'),
    tar([
      { name: 'pax', type: 'x', data: note },
      { name: 'one.jpg', data: c },
      { name: 'pax', type: 'x', data: Buffer.from(note.toString().replace('.jpg', '.cls')) },
      { name: 'two.cls', data: label(2) },
    ]),
  );
  await writeFile(
    path.join(root, 'train/a.tar'),
    tar([
      { name: './000001.jpg', data: a },
      { name: './000001.cls', data: label(1) },
      { name: './000001.json', data: Buffer.from('{}') },
      { name: './000002.cls', data: label(0) },
      { name: './000002.jpg', data: b },
    ]),
  );
  await writeFile(
    path.join(root, 'val/a.tar'),
    tar([
      { name: '1.jpg', data: b },
      { name: '1.cls', data: label(0) },
    ]),
  );
  const set = await ImageFolder.openSplit({ root, train: true, side: SIDE });
  assert.deepEqual([...set.labels], [1, 0, 2]);
  assert.deepEqual(set.classes, ['class 0', 'class 1', 'class 2']);
  const images = new Uint8Array(3 * 3 * SIDE * SIDE);
  const labels = new Int32Array(3);
  await set.readMany([0, 1, 2], images, labels);
  const size = images.length / 3;
  for (const [i, file] of [a, b, c].entries())
    assert.deepEqual(images.slice(i * size, (i + 1) * size), await decodeSquare(file, SIDE));
  assert.deepEqual([...labels], [1, 0, 2]);
  const val = await ImageFolder.openSplit({ root, train: false, side: SIDE });
  assert.equal(val.classes.length, 3);

  const index = path.join(root, '.paperweight/train/tar-index.json');
  const kept = await readFile(index, 'utf8');
  await writeFile(index, kept.replace('"./000001.jpg"', '"./renamed.jpg"'));
  const before = await set.fingerprint();
  const again = await ImageFolder.openSplit({ root, train: true, side: SIDE });
  assert.notEqual(await again.fingerprint(), before, 'the cached index was used');
  await writeFile(
    path.join(root, 'train/a.tar'),
    tar([
      { name: '9.jpg', data: a },
      { name: '9.cls', data: label(0) },
    ]),
  );
  assert.equal((await ImageFolder.openSplit({ root, train: true, side: SIDE })).length, 2, 'index rebuilt');
});

test('errors name archives that are damaged or lack a label', async (t) => {
  const root = await temporaryFolder(t);
  const file = path.join(root, 'x.tar');
  const refused = async (bytes: Uint8Array, words: RegExp) => {
    await writeFile(file, bytes);
    await assert.rejects(
      ImageFolder.open({ root }),
      (error) => error instanceof DataError && words.test(error.message),
    );
  };
  const a = await image(0);
  const whole = tar([
    { name: '1.jpg', data: a },
    { name: '1.cls', data: label(0) },
  ]);
  await refused(whole.subarray(0, 600), /x\.tar cannot be read.*ends inside 1\.jpg/);
  await refused(whole.subarray(0, whole.length - 1024), /without the end-of-archive blocks/);
  const flipped = Buffer.from(whole);
  flipped[3]! ^= 1;
  await refused(flipped, /wrong checksum at byte 0/);
  await refused(tar([{ name: '1.jpg', data: a }]), /1\.jpg in .*x\.tar has no label.*1\.cls beside it/);
  await refused(
    tar([
      { name: '1.jpg', data: a },
      { name: '1.cls', data: Buffer.from('cat') },
    ]),
    /is not a label.*"cat"/,
  );
  await refused(tar([{ name: 'readme.txt', data: a }]), /has no images/);
});
