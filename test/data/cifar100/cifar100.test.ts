import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { CIFAR100 } from '../../../src/data/cifar100/cifar100.js';
import { DataError } from '../../../src/errors/errors.js';
import { serve, tarGz, temporaryFolder } from '../support.js';

const RECORD = 3074;
const names = (count: number) => Buffer.from(Array.from({ length: count }, (_, i) => `name ${i}\n`).join(''));
function records(count: number): Buffer {
  const bytes = Buffer.alloc(count * RECORD);
  for (let i = 0; i < count; i++)
    bytes.fill(i, i * RECORD, (i + 1) * RECORD).set([i % 20, i % 100], i * RECORD);
  return bytes;
}
const files = () => ({
  'train.bin': records(30),
  'test.bin': records(4),
  'fine_label_names.txt': names(100),
  'coarse_label_names.txt': names(20),
});

describe('CIFAR100', () => {
  it('is downloaded, verified and read with fine or coarse labels', async (t) => {
    const archive = tarGz(
      Object.entries(files()).map(([name, data]) => ({ name: `cifar-100-binary/${name}`, data })),
    );
    const mirror = await serve(t, (_, response) => response.end(archive));
    const md5 = createHash('md5').update(archive).digest('hex');
    const root = await temporaryFolder(t);
    await assert.rejects(CIFAR100.open({ root, train: true, download: true, mirror }), /03b5dce01913d631/);
    const set = await CIFAR100.open({ root, train: true, download: true, mirror, md5 });
    assert.deepEqual(await readdir(root), ['cifar-100-binary']);
    assert.deepEqual([set.length, set.classes.length, set.imageShape], [30, 100, [3, 32, 32]]);
    const into = new Uint8Array(3072);
    assert.equal(set.read(25, into, 0), 25);
    assert.ok(into.every((byte) => byte === 25));
    const coarse = await CIFAR100.open({ root, train: false, labels: 'coarse' });
    assert.deepEqual([coarse.length, coarse.classes.length, [...coarse.labels]], [4, 20, [0, 1, 2, 3]]);
    assert.equal((await CIFAR100.open({ root, train: true, labels: 'coarse' })).labels[25], 5);
  });

  it('names what is wrong', async (t) => {
    const refused = async (change: Record<string, Buffer | undefined>, pattern: RegExp) => {
      const root = await temporaryFolder(t);
      for (const [name, bytes] of Object.entries({ ...files(), ...change }))
        if (bytes) await writeFile(path.join(root, name), bytes);
      await assert.rejects(CIFAR100.open({ root, train: true }), (error: Error) => {
        assert.ok(error instanceof DataError, String(error));
        assert.match(error.message, pattern);
        return true;
      });
    };
    await refused({ 'train.bin': undefined }, /not found/);
    await refused({ 'train.bin': records(2).subarray(1) }, /whole CIFAR-100 records/);
    await refused({ 'train.bin': Buffer.alloc(RECORD).fill(99, 0, 1) }, /99 and 0/);
    await refused({ 'fine_label_names.txt': names(99) }, /100 names.*99/s);
    await assert.rejects(
      CIFAR100.open({ root: 'x', train: true, labels: 'all' as never }),
      /'fine' or 'coarse'/,
    );
  });
});
