import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { extractTarGz, type UntarOptions } from '../../src/data/download/untar.js';
import { DataError } from '../../src/errors/errors.js';
import { type TarEntry, tar, tarGz, temporaryFolder } from './support.js';

const data = Buffer.from(Uint8Array.from({ length: 1300 }, (_, i) => i % 251));

async function unpack(t: TestContext, archive: Uint8Array, options: Partial<UntarOptions> = {}) {
  const folder = await temporaryFolder(t);
  const into = await temporaryFolder(t);
  const file = path.join(folder, 'a.tar.gz');
  await writeFile(file, archive);
  return { into, found: await extractTarGz({ archive: file, into, wanted: ['a.bin'], ...options }) };
}

async function refused(
  t: TestContext,
  archive: Uint8Array,
  words: RegExp,
  options: Partial<UntarOptions> = {},
) {
  await assert.rejects(unpack(t, archive, options), (error: Error) => {
    assert.ok(error instanceof DataError, String(error.stack));
    assert.match(error.message, words);
    return true;
  });
}

test('extracts only the wanted files, under their base names', async (t) => {
  const entries: TarEntry[] = [
    { name: 'folder/', type: '5' },
    { name: 'folder/readme.html', data: Buffer.from('hello') },
    { name: 'folder/a.bin', data },
    { name: 'folder/link.bin', type: '2' },
    { name: 'folder/b.bin', data: data.subarray(0, 512), magic: 'ustar  \0' },
    { name: 'c.bin', data: new Uint8Array(0), magic: '', prefix: '' },
    { name: 'e.bin', data: data.subarray(0, 1), prefix: 'some/prefix' },
  ];
  const wanted = ['a.bin', 'b.bin', 'c.bin', 'e.bin'];
  const { into, found } = await unpack(t, tarGz(entries), { wanted, optional: ['d.bin'] });
  assert.deepEqual((await readdir(into)).sort(), wanted);
  assert.deepEqual(await readFile(path.join(into, 'a.bin')), data);
  assert.deepEqual(await readFile(path.join(into, 'b.bin')), data.subarray(0, 512));
  const md5 = createHash('md5').update(data).digest('hex');
  assert.deepEqual(found.get('a.bin'), { bytes: 1300, md5 });
  assert.equal(found.get('c.bin')!.bytes, 0);
});

test('paths that lead out of the folder are refused, and links are never created', async (t) => {
  const into = path.join(await temporaryFolder(t), 'inner');
  await refused(t, tarGz([{ name: '../../a.bin', data }]), /leads out of the folder/);
  await refused(t, tarGz([{ name: '/etc/a.bin', data }]), /leads out of the folder/);
  await refused(t, tarGz([{ name: 'x/a.bin', type: '2' }]), /no a\.bin/);
  await refused(t, tarGz([{ name: 'x/a.bin', type: '1' }]), /no a\.bin/);
  await assert.rejects(readdir(into));
});

test('damaged archives are refused', async (t) => {
  const good = tar([{ name: 'x/a.bin', data }]);
  const flipped = Buffer.from(good);
  flipped[3]! ^= 1;
  await refused(t, gzipSync(flipped), /wrong checksum/);
  await refused(t, gzipSync(good.subarray(0, 1000)), /ends inside a\.bin/);
  await refused(t, gzipSync(good.subarray(0, 100)), /ends inside a header/);
  await refused(t, tarGz([{ name: 'x/a.bin', data }], 0), /without the end-of-archive blocks/);
  await refused(
    t,
    tarGz([{ name: 'x/z.bin', data: data.subarray(0, 5), size: 9000 }], 0),
    /ends after x\/z\.bin/,
  );
  await refused(t, tarGz([{ name: 'x/a.bin', data, magic: 'other' }]), /unknown magic/);
  await refused(t, tarGz([{ name: 'x/b.bin', data }]), /no a\.bin/);
  await refused(
    t,
    tarGz([
      { name: 'x/a.bin', data },
      { name: 'y/a.bin', data },
    ]),
    /a\.bin twice/,
  );
  await refused(t, tarGz([{ name: 'x/a.bin', data }]), /above the limit of 1000/, { maxFileBytes: 1000 });
});

test('gzip data that is not valid, truncated or damaged is refused', async (t) => {
  const whole = tarGz([{ name: 'x/a.bin', data }]);
  await refused(t, Buffer.from('<html>not found</html>'), /incorrect header check/);
  await refused(t, whole.subarray(0, whole.length - 20), /unexpected end of file/);
  const damaged = Buffer.from(whole);
  damaged[damaged.length - 6]! ^= 255;
  await refused(t, damaged, /incorrect data check/);
  const long = tarGz([{ name: 'x/a.bin', data }], 2 ** 22);
  long[long.length - 6]! ^= 255;
  await refused(t, long, /incorrect data check/);
});

test('an archive that is missing', async (t) => {
  const into = await temporaryFolder(t);
  const archive = path.join(into, 'none.tar.gz');
  await assert.rejects(
    extractTarGz({ archive, into, wanted: ['a'] }),
    /cannot unpack .*none\.tar\.gz.*ENOENT/,
  );
});
