import assert from 'node:assert/strict';
import { open, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { cifarRecords, temporaryFolder } from '../data/support.js';
import { type CliOptions, jsonLines, runCli } from '../support/cli.js';

const RECORD = 3073;
const FILES = [...[1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`), 'test_batch.bin'];

/** A folder of the right size, all black aeroplanes; the files are sparse. */
async function blackFolder(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  for (const name of FILES) {
    await writeFile(path.join(folder, name), '');
    await truncate(path.join(folder, name), 10_000 * RECORD);
  }
  return folder;
}

async function refused(args: readonly string[], words: readonly RegExp[], options: CliOptions = {}) {
  const { code, stdout, stderr } = await runCli(args, options);
  assert.equal(code, 1, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /^error: [^\n]+ Next: [^\n]+\n$/);
  for (const word of words) assert.match(stderr, word);
}

test('shapes10 is described', async () => {
  const { code, stdout, stderr } = await runCli(['data', 'shapes10', '--json']);
  assert.equal(code, 0, stderr);
  const [train, other, ...rest] = jsonLines(stdout);
  assert.deepEqual(rest, []);
  assert.deepEqual(
    [train!.dataset, train!.split, train!.images, train!.imageShape, other!.split, other!.images],
    ['shapes10', 'train', 10_000, [3, 32, 32], 'test', 2000],
  );
  const classes = train!.classes as { label: string; images: number }[];
  assert.equal(classes.length, 10);
  assert.ok(classes.every(({ images }) => images === 1000));
});

test('the images of a CIFAR-10 folder are counted per class', async (t) => {
  const folder = await blackFolder(t);
  const { code, stdout, stderr } = await runCli(['data', 'cifar10', '--data', folder]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /50,000 images, structure verified; not verified against the official archive/);
  assert.match(stdout, /^airplane +50,000 +10,000$/m);
  const json = await runCli(['data', '--json'], { env: { PAPERWEIGHT_CIFAR10: folder } });
  assert.equal(json.code, 0, json.stderr);
  const [train] = jsonLines(json.stdout);
  assert.deepEqual([train!.folder, train!.official, train!.images], [folder, null, 50_000]);
});

test('a missing folder is named, with the command that downloads the data', async () => {
  await refused(
    ['data', '--data', '/nonexistent/folder'],
    [/CIFAR-10 not found in \/nonexistent\/folder/, /--download/],
  );
});

test('a file that is truncated, of another record size or of too few records is named', async (t) => {
  const folder = await blackFolder(t);
  const file = path.join(folder, 'data_batch_3.bin');
  await truncate(file, 10_000 * RECORD - 1);
  await refused(['data', '--data', folder], [/data_batch_3\.bin does not hold whole/, /30,729,999 bytes/]);
  await truncate(file, 10_000 * 3072);
  await refused(
    ['data', '--data', folder],
    [/data_batch_3\.bin does not hold whole/, /multiple of 3073 bytes/],
  );
  await writeFile(file, cifarRecords(10));
  await refused(['data', '--data', folder], [/data_batch_3\.bin has the wrong number/, /got 10 records/]);
  await writeFile(file, cifarRecords(10_000));
  await truncate(path.join(folder, 'test_batch.bin'), 512);
  const { code, stderr } = await runCli(['data', '--data', folder]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /test_batch\.bin does not hold whole.*512 bytes/);
});

test('label 11 is reported with its position', async (t) => {
  const folder = await blackFolder(t);
  const handle = await open(path.join(folder, 'data_batch_2.bin'), 'r+');
  await handle.write(Uint8Array.of(11), 0, 1, 42 * RECORD);
  await handle.close();
  await refused(
    ['data', '--data', folder],
    [/data_batch_2\.bin .*record 42, byte offset 129066/, /label 11/],
  );
});
