import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { readStatistics } from '../../src/train/image-statistics.js';
import { temporaryFolder } from '../data/support.js';
import { jsonLines, runCli } from '../support/cli.js';
import { drawImageFolder, synset } from '../support/draw-images.js';

test('an image folder is described, prepared, trained on and evaluated with ten crops', async (t) => {
  const folder = await temporaryFolder(t);
  const data = path.join(folder, 'images');
  await drawImageFolder({ root: data, classes: 3, train: 4, val: 2, size: [70, 50] });
  await writeFile(path.join(data, 'train', synset(1), 'broken.jpg'), 'no image');
  await writeFile(path.join(data, 'val', synset(2), 'broken.jpg'), 'no image');
  // Checkpoints of the whole network take long on a busy disk.
  const options = { cwd: folder, env: { OMP_NUM_THREADS: '2' }, timeoutMs: 300_000 };
  const paperweight = async (...args: string[]) => {
    const result = await runCli(args, options);
    assert.equal(result.code, 0, result.stderr);
    return result;
  };

  const before = await paperweight('data', 'imagefolder', '--data', data);
  assert.match(before.stdout, /0 of 13 images processed \(--prepare continues\)/);
  assert.match(before.stdout, /^n10000001 +5 +2$/m);
  const after = await paperweight(
    'data',
    'imagefolder',
    '--data',
    data,
    '--prepare',
    '--cache-images',
    '--json',
  );
  const [train, other] = jsonLines(after.stdout) as Record<string, unknown>[];
  assert.deepEqual(
    [train!.images, train!.statistics, train!.cachedImages, other!.images, other!.cachedImages],
    [13, { counted: 13, unreadable: 1 }, 12, 7, 6],
  );
  assert.match(Object.keys(other!.unreadable as object).join(), /val\/n10000002\/broken\.jpg$/);

  const flags = ['--dataset', 'imagefolder', '--data', data, '--preset', 'quick', '--batch-size', '4'];
  const trained = await paperweight('train', ...flags, '--max-steps', '2', '--run', 'run');
  assert.match(trained.stderr, /1 file could not be decoded \(left out\):\n.*broken\.jpg/);
  assert.match(trained.stderr, /Evaluated on 6 test images of imagefolder/);
  const one = jsonLines((await paperweight('eval', 'run', '--json')).stdout)[0]!;
  const ten = jsonLines((await paperweight('eval', 'run', '--ten-crop', '--json')).stdout)[0]!;
  assert.deepEqual([one.images, ten.images], [6, 6]);
  assert.notEqual(one.loss, ten.loss);
});

test('flags that do not fit the data set are refused', async () => {
  for (const [args, words] of [
    [['data', 'imagefolder'], /needs the folder.*--data DIR/],
    [['data', 'imagefolder', '--data', 'x', '--download'], /no such option.*--download/],
    [['data', 'imagefolder', '--data', 'x', '--cache-images'], /add --prepare/],
    [['data', 'shapes10', '--prepare'], /no such option.*--prepare/],
    [['train', '--dataset', 'imagefolder'], /needs the folder.*--data DIR/],
  ] as const) {
    const { code, stderr } = await runCli(args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, words);
  }
  const { code, stderr } = await runCli(['data', 'imagefolder', '--data', '/nonexistent']);
  assert.equal(code, 1);
  assert.match(stderr, /has no training images.*DIR\/train\/CLASS/);
});

test('the paper’s recipe for images in folders stores its statistics in the run, and evaluates with its own views', async (t) => {
  const folder = await temporaryFolder(t);
  const data = path.join(folder, 'images');
  await drawImageFolder({ root: data, classes: 2, train: 6, val: 3, size: [300, 280] });
  const options = { cwd: folder, env: { OMP_NUM_THREADS: '2' }, timeoutMs: 300_000 };
  const paperweight = async (...args: string[]) => {
    const result = await runCli(args, options);
    assert.equal(result.code, 0, result.stderr);
    return result;
  };
  const flags = ['--preset', 'imagenet', '--dataset', 'imagefolder', '--data', data, '--batch-size', '4'];
  await paperweight(
    'train',
    ...flags,
    '--width',
    'half',
    '--hidden',
    '32',
    '--max-steps',
    '2',
    '--run',
    'run',
  );
  // The run is now self-contained: neither the images nor their statistics are read again.
  const { mean, shape, count } = await readStatistics(path.join(folder, 'run', 'statistics.safetensors'));
  assert.deepEqual([count, shape, mean.length], [12, [3, 256, 256], 3 * 256 * 256]);
  const measured = await paperweight('eval', 'run', '--batch-size', '4', '--json');
  const one = jsonLines(measured.stdout)[0]!;
  const ten = jsonLines((await paperweight('eval', 'run', '--ten-crop', '--json')).stdout)[0]!;
  assert.deepEqual([one.images, ten.images], [6, 6]);
  assert.notEqual(one.loss, ten.loss);
  // Evaluated during training and from the run's folder: the same preparation gives the same loss.
  const metrics = jsonLines(await readFile(path.join(folder, 'run', 'metrics.jsonl'), 'utf8'));
  const during = Number(metrics.find(({ event }) => event === 'epoch')!.testLoss);
  assert.ok(Math.abs(Number(one.loss) - during) < 1e-7 * during, `${one.loss} and ${during}`);
  const image = path.join(data, 'val', synset(0), (await readdir(path.join(data, 'val', synset(0))))[0]!);
  const predicted = await paperweight('predict', 'run', image, '--json');
  assert.equal((jsonLines(predicted.stdout)[0]!.top as unknown[]).length, 2);

  const refused = await runCli(
    ['train', '--preset', 'imagenet', '--dataset', 'shapes10', '--run', 'other'],
    options,
  );
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /imagenet cannot be trained on shapes10.*--dataset imagefolder/s);
  assert.equal(existsSync(path.join(folder, 'other')), false);
});
