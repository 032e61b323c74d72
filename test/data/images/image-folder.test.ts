import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import type { Batch } from '../../../src/data/batch.js';
import { UNREADABLE } from '../../../src/data/dataset.js';
import { decodeSquare } from '../../../src/data/images/decode.js';
import { ImageCache } from '../../../src/data/images/image-cache.js';
import { ImageFolder } from '../../../src/data/images/image-folder.js';
import { DataLoader } from '../../../src/data/loader.js';
import { Subset } from '../../../src/data/subset.js';
import { DataError, UsageError } from '../../../src/errors/errors.js';
import { drawImage, encoder } from '../../support/draw-images.js';
import { NO_LINKS, NO_ODD_NAMES } from '../../support/system/disk.js';
import { temporaryFolder } from '../support.js';

const SIDE = 16;
const SIZE = 3 * SIDE * SIDE;

async function png(label: number, seed: number): Promise<Buffer> {
  return encoder(await drawImage(label, seed, { width: 20 + seed, height: 24 }))
    .png()
    .toBuffer();
}

/** Creates a temporary folder with the given files, keyed by relative path. */
async function folderOf(t: TestContext, files: Readonly<Record<string, Uint8Array | string>>) {
  const root = await temporaryFolder(t);
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), bytes);
  }
  return root;
}

async function readAll(set: ImageFolder, substitute?: boolean) {
  const images = new Uint8Array(set.length * SIZE);
  const labels = new Int32Array(set.length);
  await set.readMany(
    Int32Array.from({ length: set.length }, (_, i) => i),
    images,
    labels,
    substitute,
  );
  return { images, labels: [...labels], image: (i: number) => images.slice(i * SIZE, (i + 1) * SIZE) };
}

const refuses = (work: Promise<unknown>, words: RegExp, Kind: new (...args: never[]) => Error = DataError) =>
  assert.rejects(work, (error) => error instanceof Kind && words.test(error.message));

test('classes are subfolders, sorted; hidden and other files are skipped', async (t) => {
  const files = [await png(0, 0), await png(1, 1), await png(2, 2), await png(3, 3)] as const;
  const root = await folderOf(t, {
    'zebra/2.PNG': files[3],
    'ant/b.png': files[1],
    'ant/a.png': files[0],
    'ant/deeper/0.png': files[2],
    'ant/.hidden.png': 'x',
    'ant/notes.txt': 'x',
    '.git/x.png': 'x',
    'loose.png': 'x',
  });
  const set = await ImageFolder.open({ root, side: SIDE });
  assert.deepEqual(set.classes, ['ant', 'zebra']);
  assert.deepEqual([...set.labels], [0, 0, 0, 1]);
  assert.match(
    set.describe(),
    /^4 images of 2 classes in .*; 1 file that is not an image was skipped \(\.txt\)$/,
  );
  const { labels, image } = await readAll(set);
  assert.deepEqual(labels, [0, 0, 0, 1]);
  for (const [i, file] of files.entries()) assert.deepEqual(image(i), await decodeSquare(file, SIDE));
  assert.equal(set.summary(), undefined);
  assert.throws(() => set.read(0), UsageError);
  await refuses(set.readMany([4], new Uint8Array(SIZE), new Int32Array(1)), /no image 4/, UsageError);
});

test('links to images and to class folders are followed, cycles are not', { skip: NO_LINKS }, async (t) => {
  const outside = await folderOf(t, { 'c.png': await png(0, 1), 'deep/d.png': await png(0, 2) });
  const root = await folderOf(t, { 'a/1.png': await png(0, 0), 'b/1.png': await png(1, 0) });
  await symlink(path.join(outside, 'c.png'), path.join(root, 'a', 'out.png'));
  await symlink(path.join('..', 'b', '1.png'), path.join(root, 'a', 'in.png'));
  await symlink(path.join(root, 'gone'), path.join(root, 'a', 'gone.png'));
  await symlink('self.png', path.join(root, 'a', 'self.png'));
  await symlink(outside, path.join(root, 'd'));
  // A link to its own folder, to a parent, and two folders linked to each other.
  await symlink('.', path.join(root, 'a', 'here'));
  await symlink(root, path.join(root, 'b', 'loop'));
  await symlink(path.join(root, 'd'), path.join(outside, 'deep', 'back'));
  const set = await ImageFolder.open({ root, side: SIDE });
  assert.deepEqual(set.classes, ['a', 'b', 'd']);
  const of = (label: number) => set.labels.filter((own) => own === label).length;
  assert.deepEqual([of(0), of(1), of(2)], [3, 1, 2]);
  assert.match(set.describe(), /2 links are broken; 3 links to parent folders were not followed$/);
  assert.equal((await readAll(set)).labels.length, 6);
  const own = await ImageFolder.open({ root, side: SIDE, followLinks: false });
  assert.deepEqual([...own.classes], ['a', 'b']);
  assert.equal(own.length, 3);
  assert.match(own.describe(), /2 links that lead out of the folder were not followed/);
});

test('a class that is a link to a folder around the split has no images', { skip: NO_LINKS }, async (t) => {
  const image = await png(0, 0);
  const root = await folderOf(t, { 'train/a/1.png': image, 'val/a/1.png': image });
  await symlink('..', path.join(root, 'train', 'b'));
  await refuses(
    ImageFolder.openSplit({ root, train: true, side: SIDE }),
    /class without images: b.*1 link to a parent folder was not followed/,
  );
});

test('a pipe with the name of an image is skipped and does not block', {
  skip: process.platform === 'win32' && 'Windows has no pipes in folders',
}, async (t) => {
  const root = await folderOf(t, { 'a/1.png': await png(0, 0) });
  execFileSync('mkfifo', [path.join(root, 'a', '2.png')]);
  assert.equal((await ImageFolder.open({ root, side: SIDE })).length, 1);
});

test('composed and decomposed forms of a name are one class', async (t) => {
  const image = await png(0, 0);
  const [one, two] = ['caf\u00e9', 'cafe\u0301'];
  const root = await folderOf(t, {
    [`train/${two}/1.png`]: image,
    'train/dog/1.png': image,
    [`valid/${one}/1.png`]: image,
    [`valid/${two}/2.png`]: image,
    'classes.txt': `dog\n${two}\n`,
  });
  const val = await ImageFolder.openSplit({ root, train: false, side: SIDE });
  assert.deepEqual(val.classes, [one, 'dog']);
  assert.deepEqual([...val.labels], [0, 0]);
});

test('a list that gives two folders one name is refused', async (t) => {
  const image = await png(0, 0);
  const root = await folderOf(t, {
    ...{ 'train/n1/1.png': image, 'train/n2/1.png': image, 'train/n3/1.png': image },
    'classes.txt': 'n1 cat\nn2 dog\nn3 cat\n',
  });
  await refuses(
    ImageFolder.openSplit({ root, train: true, side: SIDE }),
    /classes\.txt gives two class folders one name.*cat for \["n1","n3"\].*different names/,
  );
});

test('test images may be in val, valid, validation or test, in upper or lower case', async (t) => {
  const image = await png(0, 0);
  for (const name of ['val', 'valid', 'validation', 'test', 'Val']) {
    const root = await folderOf(t, { 'Train/a/1.png': image, [`${name}/a/1.png`]: image });
    const set = await ImageFolder.openSplit({ root, train: false, side: SIDE });
    assert.equal(set.folder, path.join(root, name));
    assert.equal((await ImageFolder.openSplit({ root, train: true, side: SIDE })).length, 1);
  }
  const root = await folderOf(t, { 'train/a/1.png': image });
  await refuses(ImageFolder.openSplit({ root, train: false }), /no test images.*valid/);
});

test('formats are detected from the first bytes; other files are reported', async (t) => {
  const image = await png(0, 0);
  const root = await folderOf(t, {
    'a/1.bmp': image,
    'a/2.jfif': image,
    'a/3.PPM': image,
    'a/4.pgm': image,
    'a/5.jpe': image,
    'a/6.heic': 'x',
    'a/7.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
    'a/8.jpg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
    'a/readme': 'x',
  });
  const set = await ImageFolder.open({ root, side: SIDE, substitute: false });
  assert.match(
    set.describe(),
    /^6 images .*; 3 files that are not images were skipped \(\.heic, \.svg, no extension\)$/,
  );
  const { labels, image: at } = await readAll(set);
  assert.deepEqual(labels, [0, 0, 0, 0, 0, UNREADABLE]);
  assert.deepEqual(at(3), at(0));
  assert.match(set.summary()!, /8\.jpg: .*an SVG drawing/);
});

test('control characters in names are escaped', { skip: NO_ODD_NAMES }, async (t) => {
  const name = 'c\u001b]0;x\u0007\u009b31m\u202eat\nX';
  const root = await folderOf(t, { [`${name}/1\r.png`]: await png(0, 0), [`${name}/2\u001b.png`]: 'x' });
  const set = await ImageFolder.open({ root, side: SIDE, substitute: false });
  assert.deepEqual(set.classes, ['c\\x1b]0;x\\x07\\x9b31m\\u202eat\\nX']);
  await readAll(set);
  assert.ok(!/[\p{Cc}\u202e]/u.test(set.summary()!.replaceAll('\n', '')));
  await mkdir(path.join(root, 'empty\u001b[31m'));
  await assert.rejects(
    ImageFolder.open({ root, side: SIDE }),
    (error: Error) => !/\p{Cc}/u.test(error.message),
  );
});

test('both splits have the classes and names of the training images', async (t) => {
  const image = await png(0, 0);
  const root = await folderOf(t, {
    'train/n001/1.png': image,
    'train/n002/1.png': image,
    'train/n003/1.png': image,
    'val/n003/1.png': image,
    'LOC_synset_mapping.txt': 'n001 tench, Tinca tinca\nn003 shark\n',
  });
  const val = await ImageFolder.openSplit({ root, train: false, side: SIDE });
  assert.deepEqual(val.classes, ['tench, Tinca tinca', 'n002', 'shark']);
  assert.deepEqual([...val.labels], [2]);
  await mkdir(path.join(root, 'val', 'n009'));
  await refuses(ImageFolder.openSplit({ root, train: false }), /n009 is not a class of the training images/);
});

test('folders without classes or images are refused with the expected layout', async (t) => {
  const root = await folderOf(t, { 'a/1.png': await png(0, 0), 'b/x.txt': '' });
  await refuses(ImageFolder.open({ root }), /class without images: b/);
  await refuses(ImageFolder.open({ root: path.join(root, 'a') }), /has no classes/);
  await refuses(ImageFolder.open({ root: path.join(root, 'none') }), /cannot read the folder/);
  await refuses(ImageFolder.openSplit({ root, train: true }), /no training images.*DIR\/train\/CLASS/);
  await refuses(ImageFolder.open({ root, side: 0 }), /side of 0/, UsageError);
});

test('a damaged file is reported and replaced by the next one, or labelled UNREADABLE', async (t) => {
  const whole = await png(0, 0);
  const root = await folderOf(t, {
    'a/1.png': whole,
    'a/2.png': 'no image',
    'a/3.png': whole.subarray(0, whole.length / 2),
    'b/1.png': await png(1, 1),
  });
  const set = await ImageFolder.open({ root, side: SIDE });
  const { labels, image } = await readAll(set);
  assert.deepEqual(labels, [0, 1, 1, 1]);
  assert.deepEqual(image(1), image(3));
  assert.deepEqual([...set.unreadable.keys()].sort(), [
    path.join(root, 'a/2.png'),
    path.join(root, 'a/3.png'),
  ]);
  assert.match(
    set.summary()!,
    /^2 files could not be decoded .*replaced by the next.*\n.*a[\\/]2\.png: .*\n.*a[\\/]3\.png: /,
  );
  const marked = await ImageFolder.open({ root, side: SIDE, substitute: false });
  assert.deepEqual((await readAll(marked)).labels, [0, UNREADABLE, UNREADABLE, 1]);
  const last = new DataLoader(new Subset(marked, [3, 1]), { batchSize: 2 });
  for await (const batch of last.batches(0)) assert.deepEqual([...batch.labels], [1, UNREADABLE]);
});

test('too many damaged files, or only damaged ones, are an error', async (t) => {
  const few = await folderOf(t, { 'a/1.png': 'x', 'a/2.png': 'y' });
  await refuses(readAll(await ImageFolder.open({ root: few, side: SIDE })), /too many images/);
  const names = Array.from({ length: 30 }, (_, i) => `a/${i}.png`);
  const whole = await png(0, 0);
  const many = (broken: number) =>
    folderOf(t, Object.fromEntries(names.map((name, i) => [name, i < broken ? 'x' : whole])));
  const set = await ImageFolder.open({ root: await many(11), side: SIDE });
  await refuses(readAll(set), /too many.*at most 10 damaged files of 30; got 11/);
  await readAll(await ImageFolder.open({ root: await many(10), side: SIDE }));
});

test('a loader yields the same batches for any prefetch, and refuses worker threads', async (t) => {
  const files = await Promise.all(Array.from({ length: 9 }, (_, i) => png(i, i)));
  const root = await folderOf(t, Object.fromEntries(files.map((file, i) => [`${i % 3}/${i}.png`, file])));
  const set = await ImageFolder.open({ root, side: SIDE });
  const run = async (prefetch: number) => {
    const loader = new DataLoader(set, { batchSize: 4, shuffle: true, prefetch, seed: 5 });
    const batches: Batch[] = [];
    for await (const batch of loader.batches(1)) batches.push(batch);
    return batches;
  };
  assert.deepEqual(await run(0), await run(3));
  assert.throws(() => new DataLoader(set, { workers: 2 }), /no workerSpec/);
});

test('decoded images are cached, reused, and completed after an interruption', async (t) => {
  const files = await Promise.all(Array.from({ length: 6 }, (_, i) => png(i, i)));
  const root = await folderOf(t, Object.fromEntries(files.map((file, i) => [`a/${i}.png`, file])));
  const cache = await temporaryFolder(t);
  const open = (cacheImages = false) => ImageFolder.open({ root, side: SIDE, cache, cacheImages });
  const first = await open(true);
  const images = new Uint8Array(2 * SIZE);
  await first.readMany([4, 1], images, new Int32Array(2));
  await first.close();
  const second = await open();
  assert.equal(second.cachedImages, 2);
  // Overwrite the files with zeros: now only the cache has these images.
  const { size } = await stat(path.join(root, 'a/4.png'));
  await writeFile(path.join(root, 'a/4.png'), new Uint8Array(size));
  const again = new Uint8Array(SIZE);
  await second.readMany([4], again, new Int32Array(1));
  assert.deepEqual(again, images.slice(0, SIZE));
  await second.fill();
  assert.equal(second.cachedImages, 6);
  assert.deepEqual((await readAll(second)).image(5), await decodeSquare(files[5]!, SIDE));
  assert.equal(second.summary(), undefined);
  await second.close();
  // One more file makes another data set with another cache.
  await truncate(path.join(root, 'a/0.png'), 1);
  assert.equal((await open()).cachedImages, undefined);
  assert.equal((await readdir(cache)).length, 2);
});

test('cached images are marked regularly, so that a killed process loses few', async (t) => {
  const file = ImageCache.place(await temporaryFolder(t), 'f'.repeat(64), { side: 1, orientation: 'exif' });
  const cache = await ImageCache.open(file, 300, 3);
  for (let i = 0; i < 300; i++) await cache.write(299 - i, Uint8Array.of(i, 1, 2));
  const other = await ImageCache.open(file, 300, 3);
  assert.equal(other.count, 256);
  const into = new Uint8Array(4);
  await other.read(299 - 255, into, 1);
  assert.deepEqual([...into], [0, 255, 1, 2]);
  assert.ok(!other.has(0));
  await cache.close();
  await other.close();
});

test('a name that is not UTF-8 is refused by name', { skip: NO_ODD_NAMES }, async (t) => {
  const root = await folderOf(t, { 'cat/0.png': await png(0, 0), 'dog/0.png': await png(1, 0) });
  const odd = Buffer.concat([Buffer.from(`${root}/cat/`), Buffer.from([0xe9]), Buffer.from('.png')]);
  try {
    await writeFile(odd, '');
  } catch {
    t.skip('this file system takes UTF-8 alone');
    return;
  }
  await refuses(ImageFolder.open({ root, side: SIDE }), /is not UTF-8/);
});

test('links within links that multiply are refused, not followed for hours', {
  skip: NO_LINKS,
}, async (t) => {
  const root = await folderOf(t, { 'cat/0.png': await png(0, 0), 'dog/0.png': await png(1, 0) });
  const LEVELS = 20;
  for (let i = 0; i <= LEVELS; i++) await mkdir(path.join(root, `.links/${i}`), { recursive: true });
  for (let i = 0; i < LEVELS; i++)
    for (const name of ['a', 'b']) await symlink(`../${i + 1}`, path.join(root, `.links/${i}/${name}`));
  await symlink('../.links/0', path.join(root, 'cat/more'));
  await refuses(ImageFolder.open({ root, side: SIDE }), /again and again.*at most 16 ways/);
});
