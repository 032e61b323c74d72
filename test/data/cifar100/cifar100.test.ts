import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { CIFAR100 } from '../../../src/data/cifar100/cifar100.js';
import { DataError } from '../../../src/errors/errors.js';
import { takeLock } from '../../../src/files/lock.js';
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

/** A server of the archive. */
async function mirrorOf(t: TestContext) {
  const archive = tarGz(
    Object.entries(files()).map(([name, data]) => ({ name: `cifar-100-binary/${name}`, data })),
  );
  let asked = 0;
  const mirror = await serve(t, (_, response) => {
    asked++;
    response.end(archive);
  });
  return { mirror, md5: createHash('md5').update(archive).digest('hex'), asked: () => asked };
}

describe('CIFAR100', () => {
  it('is downloaded, verified and read with fine or coarse labels', async (t) => {
    const { mirror, md5 } = await mirrorOf(t);
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

  it('replaces what is damaged, and keeps it under another name', async (t) => {
    const { mirror, md5 } = await mirrorOf(t);
    const inner = (root: string) => path.join(root, 'cifar-100-binary');
    const damages: readonly (readonly [name: string, bytes: Buffer | undefined])[] = [
      ['train.bin', records(3).subarray(5)],
      ['fine_label_names.txt', names(3)],
      ['fine_label_names.txt', undefined],
    ];
    for (const [name, bytes] of damages)
      for (const folder of [inner, (root: string) => root]) {
        const root = await temporaryFolder(t);
        await mkdir(folder(root), { recursive: true });
        for (const [one, whole] of Object.entries({ ...files(), 'test.bin': records(7), [name]: bytes }))
          if (whole) await writeFile(path.join(folder(root), one), whole);
        const options = { root, train: true, mirror, md5 };
        await assert.rejects(CIFAR100.open(options), DataError);
        const set = await CIFAR100.open({ ...options, download: true });
        assert.deepEqual([set.length, set.classes.length], [30, 100]);
        assert.equal((await CIFAR100.open({ root, train: true })).length, 30);
        // A file that is whole stays.
        assert.equal((await CIFAR100.open({ root, train: false })).length, 7);
        if (bytes) assert.deepEqual(await readFile(path.join(folder(root), `${name}.damaged`)), bytes);
      }
  });

  it('takes an MD5 in capitals, and refuses one that is not valid before anything is downloaded', async (t) => {
    const { mirror, md5, asked } = await mirrorOf(t);
    const root = await temporaryFolder(t);
    const options = { root, train: true, download: true, mirror };
    for (const bad of ['xyz', '', md5.slice(1), 7])
      await assert.rejects(CIFAR100.open({ ...options, md5: bad as string }), /bad md5.*32 hexadecimal/s);
    assert.equal(asked(), 0);
    assert.equal((await CIFAR100.open({ ...options, md5: md5.toUpperCase() })).length, 30);
  });

  it('is downloaded once by all who ask at the same time', async (t) => {
    const { mirror, md5, asked } = await mirrorOf(t);
    const root = await temporaryFolder(t);
    const options = { root, download: true, mirror, md5 };
    const sets = await Promise.all([true, false, true].map((train) => CIFAR100.open({ ...options, train })));
    assert.deepEqual(
      sets.map(({ length }) => length),
      [30, 4, 30],
    );
    assert.equal(asked(), 1);
    assert.deepEqual(await readdir(root), ['cifar-100-binary']);
    await writeFile(path.join(root, 'cifar-100-binary', 'train.bin'), '');
    await Promise.all([true, true].map((train) => CIFAR100.open({ ...options, train })));
    assert.equal(asked(), 2);
  });

  it('waits for another process that downloads into the folder', async (t) => {
    const { mirror, md5, asked } = await mirrorOf(t);
    const root = await temporaryFolder(t);
    const lock = await takeLock(root);
    const open = CIFAR100.open({ root, train: true, download: true, mirror, md5 });
    await setTimeout(50);
    assert.equal(asked(), 0);
    await mkdir(path.join(root, 'cifar-100-binary'));
    for (const [name, bytes] of Object.entries(files()))
      await writeFile(path.join(root, 'cifar-100-binary', name), bytes);
    await lock.release();
    assert.equal((await open).length, 30);
    assert.equal(asked(), 0);
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
