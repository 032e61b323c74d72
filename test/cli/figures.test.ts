import assert from 'node:assert/strict';
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { temporaryFolder } from '../data/support.js';
import { jsonLines, runCli } from '../support/cli.js';
import { drawImageFolder, synset } from '../support/draw-images.js';

const SMALL = [
  '--dataset',
  'imagefolder',
  '--preset',
  'four-layer',
  '--image-size',
  '32',
  '--batch-size',
  '6',
];

test('the numbers of a run on folders match their labels', async (t) => {
  const folder = await temporaryFolder(t);
  const data = path.join(folder, 'pets');
  await drawImageFolder({ root: data, classes: 3, train: 6, val: 4, size: [40, 36] });
  const options = { cwd: folder, env: { OMP_NUM_THREADS: '2' }, timeoutMs: 300_000 };
  const run = (...args: string[]) => runCli(args, options);
  const paperweight = async (...args: string[]) => {
    const result = await run(...args);
    assert.equal(result.code, 0, result.stderr);
    return result;
  };
  const refused = async (words: RegExp, ...args: string[]) => {
    const { code, stderr } = await run(...args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, words);
  };

  const few = await paperweight(
    'train',
    ...SMALL,
    '--data',
    'pets',
    '--epochs',
    '3',
    '--eval-limit',
    '9',
    '--run',
    'r',
  );
  assert.match(
    few.stdout,
    /^Accuracy on test set: .*% \(a random sample of 9 of the 12 test images, spread/m,
  );
  assert.match(few.stderr, /Evaluated on a random sample of 9 of the 12 test images/);
  assert.doesNotMatch(few.stdout + few.stderr, /top-5/, 'of three classes the first five are all');

  await t.test('report measures, predicts and finds neighbours in folders', async () => {
    await paperweight('report', 'r', '--out', 'r.html', '--images', '9');
    const page = await readFile(path.join(folder, 'r.html'), 'utf8');
    assert.doesNotMatch(page, /Not measured/);
    for (const name of ['confusion', 'top5', 'neighbours'])
      assert.match(page, new RegExp(`id="${name}|${name}`));
    assert.match(page, /9 of 12/);
    // One image per card and per neighbour.
    assert.ok(page.split('data:image/png').length > 8 + 5 * 6);
  });

  await t.test('eval finds classes by name', async () => {
    const own = jsonLines((await paperweight('eval', 'r', '--json')).stdout)[0]!;
    assert.deepEqual(Object.keys(own), ['accuracy', 'loss', 'images', 'sampled', 'total'], 'no top-5 either');
    assert.equal(own.images, 12);
    // The same images, but with additional class folders in front of the training classes.
    await cp(data, path.join(folder, 'more'), { recursive: true });
    await mkdir(path.join(folder, 'more/train/a-new-one'));
    await cp(
      path.join(data, `train/${synset(0)}/${synset(0)}_0.jpg`),
      path.join(folder, 'more/train/a-new-one/0.jpg'),
    );
    assert.deepEqual(jsonLines((await paperweight('eval', 'r', '--data', 'more', '--json')).stdout)[0], own);
    await rename(path.join(folder, `more/val/${synset(2)}`), path.join(folder, 'more/val/a-new-one'));
    await refused(/by name: a-new-one.*Expected.*n10000002.*got/s, 'eval', 'r', '--data', 'more');
    // Neither ten classes nor three other classes match these three.
    await refused(/by name: /, 'eval', 'r', '--dataset', 'shapes10');
    // A single class is reported.
    await mkdir(path.join(folder, 'one/val'), { recursive: true });
    await cp(path.join(data, `val/${synset(1)}`), path.join(folder, `one/val/${synset(1)}`), {
      recursive: true,
    });
    await mkdir(path.join(folder, 'two/val'), { recursive: true });
    for (const label of [0, 2])
      await cp(path.join(data, `val/${synset(label)}`), path.join(folder, `two/val/${synset(label)}`), {
        recursive: true,
      });
    const two = await paperweight('eval', 'r', '--data', 'two');
    assert.match(two.stderr, /There are no test images of n10000001 in .*: the results are for the other/);
    const one = await paperweight('eval', 'r', '--data', 'one');
    assert.match(one.stdout, /^Images: 4$/m);
    assert.match(one.stderr, /All test images .* are of one class, n10000001/);
  });

  await t.test('a run is resumed with its own data only', async () => {
    const before = await readFile(path.join(folder, 'r/metrics.jsonl'), 'utf8');
    const resume = ['train', '--resume', '--run', 'r', '--epochs', '4'];
    await refused(/removed: n10000002; new: a-new-one|new: a-new-one/, ...resume, '--data', 'more');
    await cp(data, path.join(folder, 'less'), { recursive: true });
    await rm(path.join(folder, `less/train/${synset(0)}/${synset(0)}_0.jpg`));
    await refused(/another number of training images.*n10000000 5 instead of 6/, ...resume, '--data', 'less');
    assert.equal(await readFile(path.join(folder, 'r/metrics.jsonl'), 'utf8'), before);
    const longer = await paperweight(...resume);
    assert.match(
      longer.stderr,
      /now ends after 12 steps instead of 9\. The learning rate continues from 0\.01 and still falls after epochs 10, 13/,
    );
  });

  await t.test('one class is nothing to train on', async () => {
    await cp(data, path.join(folder, 'single'), { recursive: true });
    for (const split of ['train', 'val'])
      for (const label of [1, 2])
        await rm(path.join(folder, 'single', split, synset(label)), { recursive: true });
    await refused(/only one class, n10000000/, 'train', ...SMALL, '--data', 'single', '--run', 's');
  });

  await t.test('a run of a few steps is evaluated on about as many images', async () => {
    const tried = await paperweight(
      ...[
        'train',
        '--dataset',
        'shapes10',
        '--preset',
        'four-layer',
        '--image-size',
        '32',
        '--batch-size',
        '4',
      ],
      ...['--max-steps', '2', '--run', 'try'],
    );
    assert.match(
      tried.stderr,
      /ends within its first epoch.*sample of 100 of the 2,000 test images; --eval-limit 2000/,
    );
    assert.match(tried.stdout, /Accuracy on test set: .*sample of 100 of the 2,000/);
  });
});
