import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { DataLoader } from '../../../src/data/loader.js';
import { parseIdx } from '../../../src/data/mnist/idx.js';
import { FashionMNIST, MNIST } from '../../../src/data/mnist/mnist.js';
import { DataError } from '../../../src/errors/errors.js';
import { serve, temporaryFolder } from '../support.js';

/** An idx file of bytes. */
function idx(shape: readonly number[], value: (i: number) => number): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  for (const [i, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * i);
  return Buffer.concat([
    header,
    Buffer.from(Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i))),
  ]);
}

const images = (count: number) => idx([count, 2, 3], (i) => i);
const labels = (count: number) => idx([count], (i) => i % 10);

async function folderOf(t: Parameters<typeof temporaryFolder>[0], files: Record<string, Buffer>) {
  const folder = await temporaryFolder(t);
  for (const [name, bytes] of Object.entries(files)) await writeFile(path.join(folder, name), bytes);
  return folder;
}

describe('MNIST', () => {
  it('reads idx files, compressed or not', async (t) => {
    const root = await folderOf(t, {
      'train-images-idx3-ubyte': images(12),
      'train-labels-idx1-ubyte.gz': gzipSync(labels(12)),
      't10k-images-idx3-ubyte.gz': gzipSync(images(2)),
      't10k-labels-idx1-ubyte': labels(2),
    });
    const set = await MNIST.open({ root, train: true });
    assert.deepEqual([set.length, set.imageShape, set.classes.length], [12, [1, 2, 3], 10]);
    const into = new Uint8Array(8);
    assert.equal(set.read(11, into, 1), 1);
    assert.deepEqual([...into], [0, 66, 67, 68, 69, 70, 71, 0]);
    assert.equal((await MNIST.open({ root, train: false })).length, 2);
    const loader = new DataLoader(set, { batchSize: 12, workers: 1 });
    for await (const [inputs, found] of loader)
      assert.deepEqual([inputs.shape, found.shape], [[12, 1, 2, 3], [12]]);
  });

  it('names files that are missing, damaged or do not belong together', async (t) => {
    const refused = async (files: Record<string, Buffer>, pattern: RegExp) => {
      const root = await folderOf(t, files);
      await assert.rejects(MNIST.open({ root, train: true }), (error: Error) => {
        assert.ok(error instanceof DataError, String(error));
        assert.match(error.message, pattern);
        return true;
      });
    };
    const names = ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'] as const;
    await refused({}, /MNIST not found.*download: true/s);
    await refused({ [names[0]]: images(3), [names[1]]: labels(2) }, /a label for each of 3 images/);
    await refused({ [names[0]]: images(3).subarray(0, 30), [names[1]]: labels(3) }, /34 bytes.*30 bytes/s);
    await refused({ [names[0]]: images(3), [names[1]]: idx([3], () => 10) }, /10 for image 0/);
    await refused({ [names[0]]: labels(3), [names[1]]: labels(3) }, /images \[N, height, width\]/);
    await refused({ [`${names[0]}.gz`]: Buffer.from('no gzip'), [names[1]]: labels(1) }, /decompressed/);
  });

  it('is downloaded, each file verified by its checksum', async (t) => {
    const served = gzipSync(images(1));
    const asked: string[] = [];
    const mirror = await serve(t, (request, response) => {
      asked.push(request.url!);
      response.end(served);
    });
    const root = await temporaryFolder(t);
    await assert.rejects(MNIST.open({ root, train: true, download: true, mirror }), (error: DataError) => {
      const got = createHash('md5').update(served).digest('hex');
      assert.match(error.message, new RegExp(`f68b3c2dcbeaaa9fbdd348bbdeb94873.*${got}`, 's'));
      return true;
    });
    assert.deepEqual(asked, ['/train-images-idx3-ubyte.gz']);
    assert.deepEqual(await readdir(path.join(root, 'MNIST', 'raw')), []);
    await mkdir(path.join(root, 'none'));
    await assert.rejects(
      FashionMNIST.open({ root: path.join(root, 'none'), train: true, download: true, mirror }),
      /8d4fb7e6c68d591d4c3dfef9ec88bf0d/,
    );
  });

  it('is downloaded again where it is damaged; until then the files stay', async (t) => {
    const asked: string[] = [];
    const mirror = await serve(t, (request, response) => {
      asked.push(request.url!);
      response.end('no idx');
    });
    for (const [bad, pixels] of [
      ['train-images-idx3-ubyte', images(3).subarray(0, 30)],
      ['train-images-idx3-ubyte', images(4)],
      ['train-images-idx3-ubyte.gz', gzipSync(images(3)).subarray(0, 40)],
    ] as const) {
      const root = await temporaryFolder(t);
      await writeFile(path.join(root, bad), pixels);
      await writeFile(path.join(root, 'train-labels-idx1-ubyte'), labels(3));
      asked.length = 0;
      await assert.rejects(
        MNIST.open({ root, train: true, download: true, mirror }),
        /f68b3c2dcbeaaa9fbdd348bbdeb94873/,
      );
      assert.deepEqual(asked, ['/train-images-idx3-ubyte.gz']);
      assert.deepEqual(await readFile(path.join(root, bad)), pixels);
    }
  });

  it('has the digits of real files', async (t) => {
    const root = process.env.PAPERWEIGHT_MNIST;
    if (!root || !existsSync(root)) return t.skip('PAPERWEIGHT_MNIST names no folder');
    const set = await MNIST.open({ root, train: true });
    assert.deepEqual(set.imageShape, [1, 28, 28]);
    const counts = set.classes.map((_, label) => set.labels.filter((one) => one === label).length);
    assert.ok(
      counts.every((count) => count > set.length / 20),
      `${counts}`,
    );
  });
});

describe('parseIdx', () => {
  it('refuses other files', () => {
    for (const bytes of [[], [0, 0, 8], [0, 0, 13, 1, 0, 0, 0, 0], [0, 0, 8, 0], [0, 0, 8, 200]])
      assert.throws(() => parseIdx('file', Uint8Array.from(bytes)), DataError);
    const huge = Uint8Array.from([0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]);
    assert.throws(() => parseIdx('file', huge), /got 16 bytes/i);
  });
});
