import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { CIFAR10, CIFAR10_ARCHIVE } from '../../../src/data/cifar10/cifar10.js';
import { openWorkerSpec } from '../../../src/data/dataset.js';
import { fetchArchive } from '../../../src/data/download/archive.js';
import { DataError } from '../../../src/errors/errors.js';
import { cifarRecords, serve, tarGz, temporaryFolder } from '../support.js';

const NAMES = 'airplane automobile bird cat deer dog frog horse ship truck'.split(' ');

/** A small folder: training files of 20, 30 and so on up to 60 records, and 10 test records. */
async function smallFolder(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  for (let n = 1; n <= 5; n++) {
    await writeFile(path.join(folder, `data_batch_${n}.bin`), cifarRecords(10 * (n + 1), n * 100));
  }
  await writeFile(path.join(folder, 'test_batch.bin'), cifarRecords(10, 7));
  return folder;
}

async function refused(promise: Promise<unknown>, ...words: RegExp[]) {
  await assert.rejects(promise, (error: Error) => {
    assert.ok(error instanceof DataError, String(error.stack));
    for (const word of words) assert.match(error.message, word);
    assert.ok(error.next, 'says what to do');
    return true;
  });
}

test('reads records in file order, as CHW bytes', async (t) => {
  const root = await smallFolder(t);
  const train = await CIFAR10.open({ root, train: true, allowPartial: true });
  assert.equal(train.length, 20 + 30 + 40 + 50 + 60);
  assert.deepEqual(train.imageShape, [3, 32, 32]);
  assert.deepEqual(train.classes, NAMES);
  const into = new Uint8Array(3 + 3072);
  assert.equal(train.read(21, into, 3), 1); // record 1 of the second file: first = 200
  assert.deepEqual(
    [into[2], into[3], into[3 + 1023], into[3 + 1024], into[3 + 2048]],
    [0, 201, 201, 25, 105],
  );
  const last = await CIFAR10.open({ root, train: false, allowPartial: true });
  assert.equal(last.length, 10);
  assert.equal(last.read(0, into, 0), 7);
  assert.equal(
    last.describe(),
    `CIFAR-10 from ${root}: 10 images, structure verified; not verified against the official archive`,
  );
  assert.throws(() => last.read(10, into, 0), /no image 10.*0 to 9/);
  assert.throws(() => last.read(-1, into, 0), /no image -1/);
  const copy = await openWorkerSpec(structuredClone(train.workerSpec));
  assert.equal(copy.read(21, into, 3), 1);
  assert.equal(into[3], 201);
});

test('finds the folder inside its parent', async (t) => {
  const parent = await temporaryFolder(t);
  await mkdir(path.join(parent, CIFAR10_ARCHIVE.folder));
  await writeFile(path.join(parent, CIFAR10_ARCHIVE.folder, 'test_batch.bin'), cifarRecords(10));
  const set = await CIFAR10.open({ root: parent, train: false, allowPartial: true });
  assert.equal(set.folder, path.join(parent, CIFAR10_ARCHIVE.folder));
});

test('class names come from batches.meta.txt if it exists', async (t) => {
  const root = await smallFolder(t);
  const meta = path.join(root, 'batches.meta.txt');
  const open = () => CIFAR10.open({ root, train: false, allowPartial: true });
  await writeFile(meta, `${NAMES.map((name) => name.toUpperCase()).join('\r\n')}\n\n`);
  assert.equal((await open()).classes[9], 'TRUCK');
  await writeFile(meta, 'cat\ndog\n');
  await refused(open(), /batches\.meta\.txt does not name the classes/, /got 2/);
});

test('errors name missing files', async (t) => {
  const empty = await temporaryFolder(t);
  await refused(CIFAR10.open({ root: empty, train: true }), /CIFAR-10 not found in/, /download: true/);
  const root = path.join(empty, 'absent');
  await refused(CIFAR10.open({ root, train: true }), /CIFAR-10 not found in/);
  await writeFile(path.join(empty, 'data_batch_1.bin'), cifarRecords(10_000));
  await refused(CIFAR10.open({ root: empty, train: true }), /data_batch_2\.bin is missing/);
  await refused(
    CIFAR10.open({ root: empty, train: false, allowPartial: true }),
    /test_batch\.bin is missing/,
  );
});

test('errors give wrong sizes in bytes and records', async (t) => {
  const root = await smallFolder(t);
  const file = path.join(root, 'test_batch.bin');
  const open = (allowPartial: boolean) => CIFAR10.open({ root, train: false, allowPartial });
  await refused(open(false), /wrong number of records/, /10000 records/, /got 10 records/);
  await writeFile(file, cifarRecords(10).subarray(0, 30_000));
  await refused(
    open(true),
    /test_batch\.bin does not hold whole/,
    /multiple of 3073/,
    /30,000 bytes.*9 records and 2,343/,
  );
  await writeFile(file, '');
  await refused(open(true), /does not hold whole/, /got 0 bytes/);
});

test('errors give file, record and offset of a bad label', async (t) => {
  const root = await smallFolder(t);
  const bytes = cifarRecords(40);
  bytes[3 * 3073] = 11;
  await writeFile(path.join(root, 'data_batch_3.bin'), bytes);
  const opening = CIFAR10.open({ root, train: true, allowPartial: true });
  await refused(opening, /data_batch_3\.bin .*record 3, byte offset 9219/, /label 11/);
});

function archive(): Buffer {
  const inside = (name: string, data: Uint8Array) => ({ name: `${CIFAR10_ARCHIVE.folder}/${name}`, data });
  return tarGz([
    { name: `${CIFAR10_ARCHIVE.folder}/`, type: '5' },
    inside('batches.meta.txt', Buffer.from(`${NAMES.join('\n')}\n\n`)),
    ...[1, 2, 3, 4, 5].map((n) => inside(`data_batch_${n}.bin`, cifarRecords(20, n))),
    inside('readme.html', Buffer.from('<html>')),
    inside('test_batch.bin', cifarRecords(10)),
  ]);
}

test('downloads, extracts, and leaves only the folder', async (t) => {
  const bytes = archive();
  const md5 = createHash('md5').update(bytes).digest('hex');
  const mirror = await serve(t, (_, response) => response.end(bytes));
  const root = path.join(await temporaryFolder(t), 'made');
  let received = 0;
  const folder = await fetchArchive(CIFAR10_ARCHIVE, {
    root,
    mirror,
    md5,
    onProgress: (p) => (received = p.received),
  });
  assert.equal(received, bytes.length);
  assert.deepEqual(await readdir(root), [CIFAR10_ARCHIVE.folder]);
  assert.ok(!(await readdir(folder)).includes('readme.html'));
  const set = await CIFAR10.open({
    root,
    train: true,
    allowPartial: true,
    download: true,
    mirror: 'http://127.0.0.1:1',
  });
  assert.equal(set.length, 100);
  assert.equal(set.official, undefined, 'another MD5 is not the official archive');
});

test('what is damaged is downloaded again, and kept under another name', async (t) => {
  const bytes = archive();
  const md5 = createHash('md5').update(bytes).digest('hex');
  const mirror = await serve(t, (_, response) => response.end(bytes));
  const root = await temporaryFolder(t);
  const folder = await fetchArchive(CIFAR10_ARCHIVE, { root, mirror, md5 });
  const file = path.join(folder, 'data_batch_2.bin');
  const whole = await readFile(file);
  for (const bad of [whole.subarray(7), undefined]) {
    if (bad) await writeFile(file, bad);
    else await rm(file);
    const check = async (one: string) => {
      if (one === file) throw new Error('damaged');
    };
    assert.equal(
      await fetchArchive({ ...CIFAR10_ARCHIVE, check }, { root, mirror, md5: md5.toUpperCase() }, folder),
      folder,
    );
    assert.deepEqual(await readFile(file), whole);
    if (bad) assert.deepEqual(await readFile(`${file}.damaged`), bad);
  }
  assert.deepEqual(await readdir(root), [CIFAR10_ARCHIVE.folder]);
});

test('damaged files are asked for again with download', async (t) => {
  let asked = 0;
  const mirror = await serve(t, (_, response) => {
    asked++;
    response.end('no archive');
  });
  const root = await temporaryFolder(t);
  const damaged = cifarRecords(3).subarray(1);
  await writeFile(path.join(root, 'test_batch.bin'), damaged);
  await assert.rejects(CIFAR10.open({ root, train: false, download: true, mirror }), /wrong checksum/);
  assert.equal(asked, 1);
  assert.deepEqual(await readFile(path.join(root, 'test_batch.bin')), Buffer.from(damaged));
});

test('a folder extracted from the official archive is verified until a byte changes', async (t) => {
  const bytes = archive();
  const md5 = createHash('md5').update(bytes).digest('hex');
  const mirror = await serve(t, (_, response) => response.end(bytes));
  const root = await temporaryFolder(t);
  const folder = await fetchArchive(CIFAR10_ARCHIVE, { root, mirror, md5 });
  const marker = path.join(folder, '.paperweight-source.json');
  // The real archive is too large for a test: write a marker that declares this folder official.
  await writeFile(marker, (await readFile(marker, 'utf8')).replace(md5, CIFAR10_ARCHIVE.md5));
  const open = () => CIFAR10.open({ root, train: true, allowPartial: true });
  assert.equal((await open()).official, true);
  assert.match((await open()).describe(), /; verified against the official archive$/);
  await writeFile(path.join(folder, 'data_batch_4.bin'), cifarRecords(20, 5));
  assert.equal((await open()).official, false);
  assert.match((await open()).describe(), /changed since/);
  await writeFile(marker, 'not json');
  assert.equal((await open()).official, undefined);
});

test('a download that is not the official archive is refused and leaves nothing', async (t) => {
  const mirror = await serve(t, (_, response) => response.end(archive()));
  const root = await temporaryFolder(t);
  const opening = CIFAR10.open({ root, train: true, download: true, mirror });
  await refused(opening, /wrong checksum/, new RegExp(`MD5 ${CIFAR10_ARCHIVE.md5}`));
  assert.deepEqual(await readdir(root), []);
});

test('a damaged archive leaves no incomplete folder', async (t) => {
  const bytes = tarGz([{ name: 'data_batch_1.bin', data: cifarRecords(3) }]);
  const md5 = createHash('md5').update(bytes).digest('hex');
  const mirror = await serve(t, (_, response) => response.end(bytes));
  const root = await temporaryFolder(t);
  await refused(fetchArchive(CIFAR10_ARCHIVE, { root, mirror, md5 }), /no data_batch_2\.bin/);
  assert.deepEqual(await readdir(root), ['cifar-10-binary.tar.gz']);
});

test('an archive that exists is used without network and kept', async (t) => {
  const bytes = archive();
  const md5 = createHash('md5').update(bytes).digest('hex');
  const root = await temporaryFolder(t);
  await writeFile(path.join(root, 'cifar-10-binary.tar.gz'), bytes);
  await fetchArchive(CIFAR10_ARCHIVE, { root, mirror: 'http://127.0.0.1:1', md5 });
  assert.deepEqual((await readdir(root)).sort(), [CIFAR10_ARCHIVE.folder, 'cifar-10-binary.tar.gz'].sort());
});

const real = process.env.PAPERWEIGHT_CIFAR10;

test('the real CIFAR-10', {
  skip: !real && 'PAPERWEIGHT_CIFAR10 names no folder with the .bin files',
}, async () => {
  const into = new Uint8Array(3072);
  for (const train of [true, false]) {
    const set = await CIFAR10.open({ root: real!, train });
    assert.equal(set.length, train ? 50_000 : 10_000);
    assert.deepEqual(set.classes, NAMES);
    const counts = new Array<number>(10).fill(0);
    const sums = [0, 0, 0];
    for (let i = 0; i < set.length; i++) {
      counts[set.read(i, into, 0)]!++;
      for (let c = 0; c < 3; c++) for (let k = 0; k < 1024; k += 16) sums[c]! += into[c * 1024 + k]!;
    }
    assert.deepEqual(counts, new Array(10).fill(set.length / 10));
    // The well-known channel means of the training set, in the order red, green, blue.
    const means = sums.map((sum) => sum / (set.length * 64) / 255);
    for (const [c, mean] of [0.491, 0.482, 0.447].entries())
      assert.ok(Math.abs(means[c]! - mean) < 0.01, `${means}`);
  }
});
