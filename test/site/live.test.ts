import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildSite } from '../../src/site/build.js';
import { open, squareOf } from '../../src/site/live/engine.js';
import { liveModel } from '../../src/site/live/live.js';
import { runCli } from '../support/cli.js';
import { brokenLinks, filesOf, parsePage, unsafeParts } from './html.js';
import { assertClose, expectedOf, smallRun, tenImages } from './live.js';

describe('the live demo', () => {
  let folder: string;
  let run: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'paperweight-live-'));
    run = await smallRun(folder);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('classifies ten images as Node does, with feature maps', async () => {
    const { bytes, classes } = await liveModel(run);
    assert.ok(bytes.length < 2_000_000);
    const model = await open(bytes, 'wasm');
    assert.deepEqual(model.classes, classes);
    const images = await tenImages(folder);
    const expected = await expectedOf(
      run,
      images.map(({ file }) => file),
    );
    for (const [i, { rgba, width, height }] of images.entries()) {
      const { probabilities, maps } = await model.classify(squareOf(rgba, width, height, model.side));
      assertClose(probabilities, expected[i]!, `image ${i}`);
      assert.deepEqual(
        maps.map(({ name, count }) => [name, count]),
        [
          ['Relu', 32],
          ['Relu', 32],
          ['Relu', 64],
        ],
      );
      for (const { count, height: h, width: w, values } of maps) assert.equal(values.length, count * h * w);
    }
    const spread = expected.map((row) => row.map((p) => p.toFixed(3)).join());
    assert.ok(new Set(spread).size > 5, 'the images are not all alike to the network');
  });

  it('is a page of its own, with a link to the training of the same network', async () => {
    const out = join(folder, 'site');
    await buildSite({ out, runs: [run], live: run });
    for (const path of ['live.html', 'zh/live.html', 'runs/small-run.html']) {
      const page = parsePage(out, path);
      assert.deepEqual(page.errors, [], path);
      assert.deepEqual(unsafeParts(page), [], path);
    }
    const page = parsePage(out, 'live.html');
    assert.match(page.html, /href="train\/index\.html\?network=four-layer&amp;data=shapes10&amp;lang=en"/);
    assert.match(page.html, /script-src 'self' 'wasm-unsafe-eval'/);
    assert.deepEqual(brokenLinks(out, 'live.html', page, new Map()), []);
    assert.match(readFileSync(join(out, 'train/index.html'), 'utf8'), /default-src 'none'/);
    assert.ok(filesOf(out).includes('train/trainer.js'));
    const without = join(folder, 'without');
    await buildSite({ out: without, runs: [] });
    assert.deepEqual(
      filesOf(without).filter((path) => /live|train\//.test(path)),
      [],
    );
  });

  it('is refused for anything but a run, and for a network that is too large for a page', async () => {
    const absent = await runCli(['site', '--live', join(folder, 'absent'), '--out', join(folder, 'x')]);
    assert.equal(absent.code, 2);
    assert.match(absent.stderr, /is not a run folder/);
    const large = join(folder, 'large-run');
    const args = `train --paper vit --depth 1 --width 384 --dataset shapes10 --device wasm --threads 1 --max-steps 1 --batch-size 2 --eval-limit 2 --run ${large}`;
    const trained = await runCli(args.split(' '));
    assert.equal(trained.code, 0, trained.stderr);
    await assert.rejects(liveModel(large), /is too large for a page.*at most 2 MB; got \d+\.\d MB/);
  });
});
