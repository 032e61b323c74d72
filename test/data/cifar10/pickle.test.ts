import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { CIFAR10 } from '../../../src/data/cifar10/cifar10.js';
import { parsePickled } from '../../../src/data/cifar10/pickle.js';
import { DataError } from '../../../src/errors/errors.js';
import { PickleError } from '../../../src/interop/pytorch/pickle.js';
import { readFixture } from '../../support/generated.js';
import { temporaryFolder } from '../support.js';

const { cases } = readFixture<{ cases: { name: string; file: string; records: string }[] }>(
  'cifar10-pickles.json',
);
const files = cases.map(({ name, file, records }) => ({
  name,
  file: Buffer.from(file, 'base64'),
  records: Buffer.from(records, 'base64'),
}));

for (const { name, file, records } of files)
  test(`a file for Python holds the records of the binary version: ${name}`, () => {
    assert.ok(Buffer.compare(parsePickled(file), records) === 0);
    // Truncated anywhere, it is refused.
    for (const end of [0, 1, 9, 100, file.length - 3000, file.length - 1])
      assert.throws(() => parsePickled(file.subarray(0, end)), PickleError);
  });

test('the archive for Python opens like the binary one', async (t) => {
  const root = await temporaryFolder(t);
  const folder = join(root, 'cifar-10-batches-py');
  await mkdir(folder);
  for (let n = 1; n <= 5; n++) await writeFile(join(folder, `data_batch_${n}`), files[0]!.file);
  for (const place of [root, folder]) {
    const set = await CIFAR10.open({ root: place, train: true });
    assert.deepEqual([set.length, set.folder, set.classes[3]], [10, folder, 'cat']);
    const image = new Uint8Array(3072);
    assert.equal(set.read(2, image, 0), files[0]!.records[0]);
    assert.ok(Buffer.compare(image, files[0]!.records.subarray(1, 3073)) === 0);
  }
  await writeFile(join(folder, 'test_batch'), 'x');
  await assert.rejects(
    CIFAR10.open({ root, train: false }),
    (error) => error instanceof DataError && /test_batch is not a file of CIFAR-10/.test(error.message),
  );
});

test('a pickle that names code, or has bad sizes or labels, is refused', () => {
  const system = Buffer.from('\x80\x02cposix\nsystem\nU\x02id\x85R.', 'latin1');
  assert.throws(() => parsePickled(system), /it asks for posix\.system/);
  const { file } = files[0]!;
  const label = Buffer.from(file);
  // The first label follows `](K`.
  label[label.indexOf('](K', 0, 'latin1') + 3] = 10;
  assert.throws(() => parsePickled(label), /label 10/);
});
