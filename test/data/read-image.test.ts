import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import sharp from 'sharp';
import { readImage } from '../../src/data/read-image.js';
import { DataError } from '../../src/errors/errors.js';
import { temporaryFolder } from './support.js';

/** Pixel (x, y) is red 10x, green 10y, blue 7. */
const pixels = (width: number, height: number): Uint8Array =>
  Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return [10 * (pixel % width), 10 * Math.floor(pixel / width), 7][i % 3]!;
  });

const raw = (width: number, height: number) =>
  sharp(pixels(width, height), { raw: { width, height, channels: 3 } });

test('the centre square, as planes', async (t) => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'odd [name] 猫.png');
  await raw(8, 4).png().toFile(path.join(folder, 'a.png'));
  await writeFile(file, await raw(8, 4).png().toBuffer());
  const { data, side } = await readImage(file);
  assert.equal(side, 4);
  assert.deepEqual([...data.subarray(0, 4)], [20, 30, 40, 50]);
  assert.deepEqual([...data.subarray(16, 32)], [0, 0, 0, 0, 10, 10, 10, 10, 20, 20, 20, 20, 30, 30, 30, 30]);
  assert.ok(data.subarray(32).every((value) => value === 7));
});

test('grey, 16-bit, transparent and rotated images', async (t) => {
  const folder = await temporaryFolder(t);
  const file = (name: string) => path.join(folder, name);
  await sharp(Uint8Array.of(0, 10, 20, 30), { raw: { width: 2, height: 2, channels: 1 } })
    .png()
    .toFile(file('grey.png'));
  const grey = await readImage(file('grey.png'));
  assert.deepEqual([...grey.data], [0, 10, 20, 30, 0, 10, 20, 30, 0, 10, 20, 30]);
  await raw(4, 4).toColourspace('rgb16').png().toFile(file('deep.png'));
  const deep = await readImage(file('deep.png'));
  assert.deepEqual([...deep.data.subarray(0, 4)], [0, 10, 20, 30]);
  await sharp({ create: { width: 3, height: 3, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } })
    .png()
    .toFile(file('clear.png'));
  // Alpha is dropped, not blended.
  assert.ok((await readImage(file('clear.png'))).data.every((value) => value === 0));
  // Orientation 6: the first upright row is the first stored column, from bottom to top.
  await raw(4, 4).withMetadata({ orientation: 6 }).png().toFile(file('turned.png'));
  const turned = await readImage(file('turned.png'));
  assert.deepEqual([...turned.data.subarray(16, 20)], [30, 20, 10, 0]);
});

test('files that are not images are refused, by name', async (t) => {
  const folder = await temporaryFolder(t);
  const file = (name: string) => path.join(folder, name);
  await writeFile(file('text.png'), 'this is not an image');
  await writeFile(file('empty.png'), '');
  await mkdir(file('folder.png'));
  const jpeg = await raw(64, 64).jpeg().toBuffer();
  await writeFile(file('half.jpg'), jpeg.subarray(0, jpeg.length / 2));
  for (const [name, words] of [
    ['text.png', /cannot be decoded.*got another format/],
    ['empty.png', /an empty file/],
    ['folder.png', /a folder/],
    ['absent.png', /no such file or folder/],
    ['half.jpg', /cannot be decoded/],
  ] as const)
    await assert.rejects(readImage(file(name)), (error: Error) => {
      assert.ok(error instanceof DataError, error.stack);
      assert.ok(error.message.includes(name), error.message);
      assert.match(error.message, words);
      assert.ok(error.next);
      assert.ok(!error.message.includes('\n'));
      return true;
    });
});

test('a huge image is refused before it is decoded', async (t) => {
  const file = path.join(await temporaryFolder(t), 'huge.png');
  await sharp({ create: { width: 9000, height: 9000, channels: 3, background: 'red' } })
    .png()
    .toFile(file);
  await assert.rejects(readImage(file), /huge\.png is too large.*67,108,864 pixels; got 9000 × 9000/);
});

test('a square of the requested side, smaller or larger than the image', async (t) => {
  const file = path.join(await temporaryFolder(t), 'a.png');
  await raw(8, 6).png().toFile(file);
  for (const side of [4, 6, 30]) {
    const { data, side: own } = await readImage(file, { side });
    assert.deepEqual([own, data.length], [side, 3 * side * side]);
  }
});
