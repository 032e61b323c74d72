import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openPaper } from '../../../src/papers/registry.js';
import { runCli } from '../../support/cli.js';
import { bytesIn, measuredIn, trainKilled } from '../../support/runs/killed-runs.js';
import { scratch } from '../../support/toy.js';

const GAN = fileURLToPath(new URL('../../support/papers/gan', import.meta.url));
const HERE = ['--device', 'reference'];

describe('a paper with two optimizers in a folder outside of the package', () => {
  for (const [name, flags, kills] of [
    ['', [], [5, 2, 9]],
    [
      ', of accumulated and clipped gradients',
      ['--accumulate', '2', '--clip-norm', '0.05', '--on-nan', 'rollback'],
      [4, 2],
    ],
  ] as const)
    test(`comes to the same bits after kills${name}`, async (t) => {
      const folder = await scratch(t);
      const [whole, killed] = [join(folder, 'whole'), join(folder, 'killed')];
      await trainKilled({ paper: GAN, run: whole }, flags, []);
      await trainKilled({ paper: GAN, run: killed }, flags, kills);
      assert.deepEqual(await measuredIn(killed), await measuredIn(whole));
      for (const part of ['checkpoints', 'samples'])
        assert.deepEqual(await bytesIn(killed, part), await bytesIn(whole, part), part);
      const steps = (await measuredIn(whole)).length;
      assert.equal(steps, name === '' ? 22 : 12);
    });

  test('says what it logs, and which weights were best', async (t) => {
    const run = join(await scratch(t), 'run');
    const { code, stdout, stderr } = await runCli(['train', '--paper', GAN, '--run', run, ...HERE]);
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /Epoch 2: train loss [\d.]+ · train score of real images [\d.]+ · train generator loss [\d.]+ · test gap -?[\d.]+/,
    );
    assert.match(stdout, /On the test set: gap -?[\d.]+, half 0.5/);
    assert.match(stderr, /[\d.]+ samples\/s on average/);
    assert.match(stderr, /Evaluated on 20 test samples of columns/);
    assert.doesNotMatch(stderr, /test images/);
    const state = JSON.parse(await readFile(join(run, 'state.json'), 'utf8')) as { best: object };
    assert.deepEqual(Object.keys(state.best), ['file', 'metric', 'value']);
  });

  test('is refused where a classifier is needed, and found by an environment variable', async (t) => {
    const run = join(await scratch(t), 'run');
    assert.equal(
      (await runCli(['train', '--paper', GAN, '--run', run, '--max-steps', '2', ...HERE])).code,
      0,
    );
    const unknown = await runCli(['eval', run, ...HERE]);
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /no paper "tiny-gan".*PAPERWEIGHT_PAPERS/s);
    const env = { PAPERWEIGHT_PAPERS: join(GAN, '..') };
    const known = await runCli(['predict', run, 'cat.jpg', ...HERE], { env });
    assert.equal(known.code, 2);
    assert.match(known.stderr, /Tiny GAN is not a classifier of images/);
    const { code, stderr } = await runCli(['train', '--paper', 'tiny-gan', '--dry-run', ...HERE], { env });
    assert.equal(code, 0, stderr);
    for (const [flags, message] of [
      [['--ema', '0.9'], /Expected/],
      [['--label-smoothing', '0.1'], /Expected/],
      [['--dataset', 'shapes'], /Expected/],
      [['--lr-scale', 'generator=0.1'], /--lr-scale has no effect.*config\.lrScale.*training\(\)/s],
      [['--schedule', 'cosine:5'], /--schedule has no effect with Tiny GAN/],
      [['--optimizer', 'adam'], /--optimizer has no effect with Tiny GAN/],
      [['--betas', '0.5,0.9', '--optimizer', 'adam'], /--optimizer has no effect/],
      [['--weight-decay', '0.1'], /--weight-decay has no effect with Tiny GAN/],
      [['--dropout', '0.1'], /--dropout has no effect with Tiny GAN.*config\.dropout.*build\(\)/s],
      [['--image-size', '12'], /--image-size has no effect with Tiny GAN/],
    ] as const) {
      const refused = await runCli([
        'train',
        '--paper',
        GAN,
        ...flags,
        ...HERE,
        '--run',
        `${run}-${flags[0]}`,
      ]);
      assert.equal(refused.code, 2, refused.stderr);
      assert.match(refused.stderr, message);
      assert.ok(!existsSync(`${run}-${flags[0]}`));
    }
  });
});

test('an id never loads code from a place', async () => {
  for (const id of [GAN, './gan', '..', 'gan/../gan'])
    await assert.rejects(openPaper(id), /There is no paper/);
});

test('a folder without what its paper imports is told to install it', async (t) => {
  const folder = join(await scratch(t), 'lone');
  await mkdir(folder);
  await writeFile(join(folder, 'index.mjs'), "import { definePaper } from 'paperweight';");
  await writeFile(join(folder, 'index.js'), "export { default } from './index.mjs';");
  const { code, stderr } = await runCli(['train', '--paper', folder, ...HERE]);
  assert.equal(code, 2);
  assert.match(stderr, /Cannot find package 'paperweight'.*npm install paperweight/s);
});
