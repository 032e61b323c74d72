import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { temporaryFolder } from '../data/support.js';
import { jsonLines, runCli } from '../support/cli.js';
import { drawImageFolder, synset } from '../support/draw-images.js';

test('an image folder is described, prepared, trained on and measured with ten crops', async (t) => {
  const folder = await temporaryFolder(t);
  const data = path.join(folder, 'pictures');
  await drawImageFolder({ root: data, classes: 3, train: 4, val: 2, size: [70, 50] });
  await writeFile(path.join(data, 'train', synset(1), 'broken.jpg'), 'no picture');
  await writeFile(path.join(data, 'val', synset(2), 'broken.jpg'), 'no picture');
  // Checkpoints of the whole network take long where others use the disk too.
  const options = { cwd: folder, env: { OMP_NUM_THREADS: '2' }, timeoutMs: 300_000 };
  const paperweight = async (...args: string[]) => {
    const result = await runCli(args, options);
    assert.equal(result.code, 0, result.stderr);
    return result;
  };

  const before = await paperweight('data', 'imagefolder', '--data', data);
  assert.match(before.stdout, /0 of 13 pictures counted \(--prepare goes on\)/);
  assert.match(before.stdout, /^n10000001 +5 +2$/m);
  const after = await paperweight(
    'data',
    'imagefolder',
    '--data',
    data,
    '--prepare',
    '--cache-pictures',
    '--json',
  );
  const [train, other] = jsonLines(after.stdout) as Record<string, unknown>[];
  assert.deepEqual(
    [train!.images, train!.statistics, train!.cachedPictures, other!.images, other!.cachedPictures],
    [13, { counted: 13, unreadable: 1 }, 12, 7, 6],
  );
  assert.match(Object.keys(other!.unreadable as object).join(), /val\/n10000002\/broken\.jpg$/);

  const flags = ['--dataset', 'imagefolder', '--data', data, '--preset', 'quick', '--batch-size', '4'];
  const trained = await paperweight('train', ...flags, '--max-steps', '2', '--run', 'run');
  assert.match(trained.stderr, /1 file could not be decoded \(left out\):\n.*broken\.jpg/);
  assert.match(trained.stderr, /Measured on 6 test pictures of imagefolder/);
  const one = jsonLines((await paperweight('eval', 'run', '--json')).stdout)[0]!;
  const ten = jsonLines((await paperweight('eval', 'run', '--ten-crop', '--json')).stdout)[0]!;
  assert.deepEqual([one.images, ten.images], [6, 6]);
  assert.notEqual(one.loss, ten.loss);
});

test('flags that do not fit the data set are refused', async () => {
  for (const [args, words] of [
    [['data', 'imagefolder'], /needs the folder.*--data DIR/],
    [['data', 'imagefolder', '--data', 'x', '--download'], /no such option.*--download/],
    [['data', 'imagefolder', '--data', 'x', '--cache-pictures'], /add --prepare/],
    [['data', 'shapes10', '--prepare'], /no such option.*--prepare/],
    [['train', '--dataset', 'imagefolder'], /needs the folder.*--data DIR/],
  ] as const) {
    const { code, stderr } = await runCli(args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, words);
  }
  const { code, stderr } = await runCli(['data', 'imagefolder', '--data', '/nonexistent']);
  assert.equal(code, 1);
  assert.match(stderr, /has no training pictures.*DIR\/train\/CLASS/);
});
