import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { RunSummary, Series } from '../../src/serve/api.js';
import { axe, NO_BROWSER, overflow } from './browser.js';
import { MODEL, PREDICTION } from './fixture-data.js';
import { pages } from './pages.js';

/** A word that has no place to break. */
const WORD = 'x'.repeat(190);
const MESSAGE = `Cannot read /data/${WORD}.JPEG: ${'the decoder says that the stream ended early, '.repeat(40)}`;

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Boxes of elements, without those of zero size. */
const boxes = async (page: Page, selector: string): Promise<Box[]> =>
  JSON.parse(
    await page.evaluate<string>(
      `JSON.stringify([...document.querySelectorAll(${JSON.stringify(selector)})].map((e) => {
        const range = document.createRange(); range.selectNodeContents(e);
        const { left, right, top, bottom } = (e.childElementCount ? e : range).getBoundingClientRect();
        return { left, right, top, bottom } }).filter((b) => b.right > b.left && b.bottom > b.top))`,
    ),
  ) as Box[];

const cover = (a: Box, b: Box): boolean =>
  a.left < b.right - 0.5 && b.left < a.right - 0.5 && a.top < b.bottom - 0.5 && b.top < a.bottom - 0.5;

describe('unusual runs', { skip: NO_BROWSER }, () => {
  const web = pages({ each: true });

  const replace = (id: string, change: Partial<RunSummary>) => {
    web.fixture.runs = web.fixture.runs.map((run) => (run.id === id ? { ...run, ...change } : run));
  };

  test('long texts do not make a page wider than its window', async () => {
    replace('failed', { error: MESSAGE, lastLoss: 59_323_183_005_696 });
    replace('quick-7', {
      name: WORD,
      tags: [WORD.slice(0, 50), 'y'.repeat(50)],
      dataset: WORD,
      preset: WORD,
      recipe: WORD,
    });
    const { page, complaints, close } = await web.open('');
    for (const [hash, ready] of [
      ['', 'table.runs'],
      ['#/run/failed', '.problem'],
      ['#/run/quick-7', '.norms'],
      ['#/run/quick-7/inside', 'canvas.kernels'],
      ['#/run/quick-7/try', '.answer'],
      ['#/compare?ids=live,quick-7', 'table.config'],
      ['#/compare?ids=live', '.add select'],
    ] as const) {
      await page.goto(`${web.fixture.url}/${hash}`);
      await page.locator(ready).first().waitFor();
      for (const width of [1440, 768, 375]) {
        await page.setViewportSize({ width, height: 800 });
        assert.ok((await overflow(page)) <= 0, `${hash} at ${width} px`);
      }
      assert.deepEqual(await axe(page), [], hash);
    }
    assert.deepEqual(complaints, []);
    await close();
  });

  test('a long message of one run does not squeeze the other columns', async () => {
    replace('failed', { error: MESSAGE });
    const { page, close } = await web.open('', { viewport: { width: 1440, height: 900 } });
    await page.locator('table.runs').waitFor();
    const [table] = await boxes(page, 'table.runs');
    const cells = await boxes(page, 'td.col-updated, td.col-actions');
    assert.ok(cells.length > 0);
    for (const cell of cells) assert.ok(cell.right <= table!.right + 1 && cell.right <= 1440);
    assert.equal(await page.locator('.clip').getAttribute('title'), MESSAGE, 'the whole is still there');
    await close();
  });

  test('a network with several inputs is shown without sizes and activations', async () => {
    const layers = MODEL.layers.map((layer) => ({ ...layer, outputShape: [], multiplyAdds: 0 }));
    web.fixture.model = { ...MODEL, classifies: false, sized: false, multiplyAdds: 0, layers };
    for (const [locale, several, nothing] of [
      ['en-US', /does not take an image of 3 × 224 × 224/, /There is nothing to try/],
      ['zh-CN', /网络的输入不是 3 × 224 × 224 的图像/, /无法试用/],
    ] as const) {
      const { page, complaints, close } = await web.open('#/run/quick-7/inside', { locale });
      await page.locator('.hint', { hasText: several }).waitFor();
      await page.locator('.network').getByText('features.0', { exact: true }).waitFor();
      assert.equal(await page.locator('.network .box, .cost-cost, .features, .picker').count(), 0);
      assert.ok((await overflow(page)) <= 0);
      assert.deepEqual(await axe(page), []);
      await page.goto(`${web.fixture.url}/#/run/quick-7/try`);
      await page.locator('.missing', { hasText: nothing }).waitFor();
      assert.deepEqual(complaints, []);
      await close();
    }
  });

  test('a time in the future is shown as now, or as a date', async () => {
    const at = (seconds: number) => new Date(Date.now() + 1000 * seconds).toISOString();
    replace('live', { updated: at(20) });
    replace('paused', { updated: at(86_400 * 3) });
    const { page, close } = await web.open('');
    await page.locator('table.runs').waitFor();
    const texts = await page.locator('td.col-updated').allTextContents();
    for (const text of texts) assert.doesNotMatch(text, /\bin \d/);
    assert.match(texts[0]!, /now/);
    await close();
  });

  /** Ordinary losses, except for those that a test sets. */
  const changed =
    (
      change: (
        loss: { mean: (number | null)[]; min: (number | null)[]; max: (number | null)[]; gaps: number[] },
        step: readonly number[],
      ) => void,
    ) =>
    (_: string, series: Series): Series => {
      const { loss } = series.values;
      if (!loss) return series;
      const copy = { mean: [...loss.mean], min: [...loss.min], max: [...loss.max], gaps: [] as number[] };
      change(copy, series.step);
      return { ...series, values: { ...series.values, loss: copy } };
    };

  test('an outlier does not flatten a chart, and is marked and described', async () => {
    web.fixture.changeSeries = changed((loss) => {
      for (const column of [loss.mean, loss.min, loss.max]) column[200] = 1e6;
    });
    const { page, complaints, close } = await web.open('#/run/quick-7');
    const mark = page.locator('.chart-marks').first();
    await mark.waitFor();
    assert.match(
      (await mark.textContent()) ?? '',
      /outside the range: 1; the most extreme is 1e6, at step \d+/,
    );
    const clip = page.getByLabel('Clip outliers');
    await clip.uncheck();
    await mark.waitFor({ state: 'detached' });
    await clip.check();
    await mark.waitFor();
    await page.goto(`${web.fixture.url}/#/compare?ids=quick-7,a%2526b%2520%25C3%25BCn%25C3%25AF%252Ccode`);
    await page.locator('.chart-marks').first().waitFor();
    assert.deepEqual(complaints, []);
    await close();
  });

  test('steps with a NaN loss are marked, also when they arrive live', async () => {
    web.fixture.changeSeries = changed((loss, step) => {
      for (const at of [40, 41]) for (const column of [loss.mean, loss.min, loss.max]) column[at] = null;
      loss.gaps.push(step[40]!, step[41]!);
    });
    const { page, complaints, close } = await web.open('#/run/live');
    const mark = page.locator('.chart-marks').first();
    await mark.waitFor();
    assert.match((await mark.textContent()) ?? '', /NaN or infinity: 2 times, first at step \d+/);
    await page.getByText('Live', { exact: true }).waitFor();
    web.fixture.emit('live', { event: 'gap', step: 601 }, 601);
    await page.getByText(/NaN or infinity: 3 times/).waitFor();
    assert.equal(
      await page.getByText('NaN', { exact: true }).count(),
      0,
      'key numbers are those of the last step that has any',
    );
    assert.deepEqual(complaints, []);
    await close();
  });

  test('the cursor shows the value of every compared run, also of one that ended earlier', async () => {
    replace('quick-7', { step: 1000 });
    const { page, complaints, close } = await web.open('#/compare?ids=live,quick-7,failed', {
      viewport: { width: 1440, height: 900 },
    });
    const plot = page.getByRole('group', { name: 'Training loss' });
    const over = plot.locator('.u-over');
    await over.waitFor();
    const box = (await over.boundingBox())!;
    for (const share of [0.02, 0.4, 0.97]) {
      await page.mouse.move(box.x + share * box.width, box.y + 60);
      const values = await page.locator('.chart-readout').first().locator('.readout-value').allTextContents();
      assert.equal(values.length, 3, String(share));
      for (const [i, name] of ['live', 'Quick, seed 7', 'failed'].entries())
        assert.match(values[i]!, new RegExp(`^${name} [\\d.]+`), String(share));
      if (share === 0.97) assert.match(values[2]!, /\(step 12\)$/);
    }
    assert.deepEqual(complaints, []);
    await close();
  });

  test('no legend covers a chart, and no bar its label', async () => {
    const classes = ['checkerboard', 'a class of several words, such as ImageNet has', 'w'.repeat(40)];
    for (const width of [1440, 375]) {
      const viewport = { width, height: 900 };
      const run = await web.open('#/run/quick-7', { viewport });
      await run.page.locator('.chart-small canvas').nth(3).waitFor();
      const legends = await boxes(run.page, '.legend');
      assert.ok(legends.length >= 2);
      for (const canvas of await boxes(run.page, 'canvas'))
        for (const legend of legends) assert.ok(!cover(canvas, legend), `a legend at ${width} px`);
      await run.close();
      const tried = await web.open('#/run/old', { viewport });
      await tried.page.route('**/predict?*', (route) =>
        route.fulfill({
          json: { ...PREDICTION, top: classes.map((label, i) => ({ label, probability: 0.5 / (i + 1) })) },
        }),
      );
      await tried.page.goto(`${web.fixture.url}/#/run/quick-7/try`);
      await tried.page.locator('.bars').waitFor();
      const labels = await boxes(tried.page, '.bar-label');
      assert.equal(labels.length, classes.length);
      for (const bar of await boxes(tried.page, 'svg.bar'))
        for (const label of labels) assert.ok(!cover(bar, label), `a bar at ${width} px`);
      assert.ok((await overflow(tried.page)) <= 0);
      await tried.close();
    }
  });

  test('an epoch is logged like other lines, and a warning as a warning', async () => {
    const { page, close } = await web.open('#/run/live');
    await page.getByText('Live', { exact: true }).waitFor();
    const say = (text: string) => web.fixture.emit('live', { event: 'note', step: 600, text }, 600);
    say('Epoch 2: training loss 1.5, accuracy 43.5% · test loss 0.2, accuracy 95.0%, top-5 100.0%');
    say('The disk is full: the checkpoint is not written.');
    const colorOf = async (text: string) => {
      await page.locator('.log li', { hasText: text }).waitFor();
      return page.evaluate<string>(
        `getComputedStyle([...document.querySelectorAll('.log li')].find((e) => e.textContent.includes(${JSON.stringify(text)}))).color`,
      );
    };
    const [line, epoch, warning] = [
      await colorOf('Epoch [1/4], Step [50/500]'),
      await colorOf('Epoch 2:'),
      await colorOf('The disk is full'),
    ];
    assert.equal(epoch, line);
    assert.notEqual(warning, line);
    await close();
  });
});
