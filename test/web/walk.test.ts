import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { NO_BROWSER } from './browser.js';
import { stepOf } from './fixture-data.js';
import { pages } from './pages.js';

const focused = (page: Page): Promise<string> =>
  page.evaluate<string>(
    `(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim()`,
  );

/**
 * Waits for a condition; the test's timeout ends it. A function in the page would have to be compiled there, which its
 * policy forbids.
 */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Presses Tab until an element is focused, like a keyboard user. */
async function tabTo(page: Page, name: string, most = 60): Promise<void> {
  for (let i = 0; i < most; i++) {
    await page.keyboard.press('Tab');
    if ((await focused(page)) === name) return;
  }
  assert.fail(
    `Tab does not reach ${JSON.stringify(name)}; it ended at ${JSON.stringify(await focused(page))}`,
  );
}

describe('user actions', { skip: NO_BROWSER }, () => {
  const web = pages({ each: true });

  test('with the keyboard only: from the skip link to a comparison and back', async () => {
    const { page, complaints, close } = await web.open('');
    await page.locator('table.runs').waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'Skip to content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate('document.activeElement.id'), 'main');
    await tabTo(page, 'Select live');
    await page.keyboard.press('Space');
    await tabTo(page, 'Select Quick, seed 7');
    const ring = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
    assert.equal(ring, 'solid', 'the focus is seen');
    await page.keyboard.press('Space');
    for (let i = 0; i < 60 && (await focused(page)) !== 'Compare 2 runs'; i++)
      await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Compare' }).waitFor();
    await page.locator('tr.differs').first().waitFor();
    assert.match(page.url(), /#\/compare\?ids=live,quick-7$/);
    await page.goBack();
    await page.getByRole('heading', { name: 'Runs' }).waitFor();
    assert.deepEqual(complaints, []);
    await close();
  });

  test('a comparison follows live runs, and stays while the server is down', async () => {
    const { page, complaints, close } = await web.open('#/compare?ids=live,quick-7');
    await page.locator('tr.differs').first().waitFor();
    const change = (changes: Partial<(typeof web.fixture.runs)[number]>) => {
      web.fixture.runs = web.fixture.runs.map((run) => (run.id === 'live' ? { ...run, ...changes } : run));
    };
    change({ lastLoss: 0.0625 });
    await page.getByText('0.0625').first().waitFor({ state: 'attached', timeout: 120_000 });
    await page.route('**/api/runs/**', (route) => route.abort());
    await page.waitForRequest('**/api/runs/live');
    await page.waitForTimeout(500);
    assert.ok((await page.getByText('0.0625').count()) > 0, 'what was there stays');
    await page.unroute('**/api/runs/**');
    change({ lastLoss: 0.03125, status: 'done' });
    await page.getByText('0.03125').first().waitFor({ state: 'attached', timeout: 120_000 });
    const asked = () => web.fixture.requests.filter((line) => /GET \/api\/runs\/live/.test(line)).length;
    // Requests from before that end may still be under way.
    await page.waitForTimeout(3000);
    const before = asked();
    await page.waitForTimeout(6000);
    assert.equal(asked(), before, 'a run that is done is asked for no more');
    assert.deepEqual(
      complaints.filter((text) => !/ERR_FAILED/.test(text)),
      [],
    );
    await close();
  });

  test('a chart zooms by keys, wheel and drag, requests the range, and resets', {
    timeout: 240_000,
  }, async () => {
    const { page, complaints, close } = await web.open('#/run/quick-7');
    const plot = page.getByRole('group', { name: 'Training loss' });
    const whole = page.getByRole('button', { name: 'Whole run' }).first();
    await plot.locator('canvas').waitFor();
    const ranges = () => web.fixture.requests.filter((line) => /series\?keys=loss.*from=/.test(line));
    const zoomed = async (how: string, act: () => Promise<void>) => {
      const before = ranges().length;
      assert.ok(await whole.isDisabled(), `${how}: begins with the whole run`);
      await act();
      await until(async () => !(await whole.isDisabled()));
      for (let i = 0; i < 40 && ranges().length === before; i++) await page.waitForTimeout(50);
      const asked = new URL(ranges().at(-1)!.split(' ')[1]!, web.fixture.url).searchParams;
      const length = Number(asked.get('to')) - Number(asked.get('from'));
      assert.ok(ranges().length > before && length < 2000, `${how}: asks for a part, ${asked}`);
      assert.ok(Number(asked.get('points')) <= 3000, 'no more than pixels need');
      await plot.focus();
      await page.keyboard.press('0');
      await until(() => whole.isDisabled());
    };
    const box = (await plot.locator('.u-over').boundingBox())!;
    const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    await zoomed('keys', async () => {
      await plot.focus();
      await page.keyboard.press('+');
      await page.keyboard.press('ArrowRight');
    });
    await zoomed('wheel', async () => {
      await page.waitForTimeout(250);
      await page.mouse.move(middle.x, middle.y);
      await page.mouse.wheel(0, -300);
    });
    await zoomed('drag', async () => {
      await page.mouse.move(middle.x, middle.y);
      await page.mouse.down();
      await page.mouse.move(middle.x + 150, middle.y, { steps: 4 });
      await page.mouse.up();
    });
    assert.deepEqual(complaints, []);
    await close();
  });

  test('steps, lines and epochs appear live; a lost stream continues where it stopped', async () => {
    const { page, complaints, close } = await web.open('#/run/live', {}, /ERR_/);
    await page.getByText('Live', { exact: true }).waitFor();
    web.fixture.emit('live', { ...stepOf(601), loss: 0.1234 }, 601);
    await page.getByText('0.1234', { exact: true }).waitFor();
    await page.getByText('Step 601 of 2,000').waitFor();
    web.fixture.emit('live', { event: 'note', step: 601, text: 'a word from the run' }, 602);
    await page.getByText('a word from the run').waitFor();
    web.fixture.drop();
    await page.getByText('Connection lost, reconnecting …').waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    const streams = web.fixture.requests.filter((line) => line.startsWith('stream live'));
    assert.deepEqual(streams, ['stream live after 600', 'stream live after 602']);
    web.fixture.emit('live', { event: 'status', status: 'done' }, 603);
    await page.locator('.page-head').getByText('Done').waitFor();
    assert.deepEqual(complaints, []);
    await close();
  });

  test('the list of runs is live, filters and sorts', async () => {
    const { page, complaints, close } = await web.open('');
    await page.getByText('Live', { exact: true }).waitFor();
    web.fixture.emitRuns({ event: 'run', run: { ...web.fixture.runs[0]!, id: 'fresh', name: 'Fresh run' } });
    await page.getByRole('link', { name: 'Fresh run' }).waitFor();
    web.fixture.emitRuns({ event: 'gone', id: 'fresh' });
    await page.getByRole('link', { name: 'Fresh run' }).waitFor({ state: 'detached' });
    await page.getByRole('searchbox').fill('long training');
    await page.getByText('1 of 6 runs').waitFor();
    await page.getByRole('searchbox').fill('');
    await page.getByRole('button', { name: 'Best accuracy' }).click();
    assert.equal(await page.locator('tbody .col-name a').first().textContent(), 'a&b ünï,code');
    assert.equal(await page.locator('th[aria-sort]').getAttribute('aria-sort'), 'descending');
    assert.deepEqual(complaints, []);
    await close();
  });

  test('delete and undo, rename and tag', async () => {
    const { page, complaints, close } = await web.open('');
    await page.getByRole('button', { name: 'Delete Quick, seed 7' }).click();
    await page.getByRole('link', { name: 'Quick, seed 7' }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('link', { name: 'Quick, seed 7' }).waitFor();
    assert.ok(await page.getByRole('button', { name: 'Delete live' }).isDisabled(), 'not while it trains');
    await page.getByRole('button', { name: 'Rename or tag failed' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('Too fast');
    await page.getByRole('textbox', { name: 'Tags' }).fill('lesson, lr');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('link', { name: 'Too fast' }).waitFor();
    assert.deepEqual(web.fixture.runs.find(({ id }) => id === 'failed')?.tags, ['lesson', 'lr']);
    assert.deepEqual(complaints, []);
    await close();
  });

  test('pause, and stop after confirmation', async () => {
    const { page, complaints, close } = await web.open('#/run/live');
    const asked = () => web.fixture.requests.filter((line) => line.includes('/control')).length;
    await page.getByRole('button', { name: 'Stop and save' }).click();
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(asked(), 0);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    assert.equal(asked(), 1);
    await page.getByRole('button', { name: 'Stop and save' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Stop and save' }).click();
    await page.getByText('The run will save a checkpoint and stop.').first().waitFor();
    assert.equal(asked(), 2);
    assert.deepEqual(complaints, []);
    await close();
  });

  test('a dropped file is sent unchanged; other files are refused in the page', async () => {
    const { page, complaints, close } = await web.open('#/run/quick-7/try');
    await page.locator('.answer').waitFor();
    const input = page.locator('input[type=file]');
    await input.setInputFiles({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('no') });
    await page
      .getByText(
        'An image is expected (JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP or PPM), but this is text/plain.',
      )
      .waitFor();
    const { png } = await import('./fixture-data.js');
    await input.setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: png(40, 30, 1) });
    await page.getByRole('img', { name: 'a.png' }).waitFor();
    await page.locator('.answer').waitFor();
    assert.ok(web.fixture.requests.includes('POST /api/runs/quick-7/predict'));
    assert.deepEqual(complaints, []);
    await close();
  });

  test('the picker offers no more test images than there are', async () => {
    const { page, complaints, close } = await web.open('#/run/paused/try');
    await page.locator('.answer').waitFor();
    assert.equal(await page.locator('.strip li').count(), 5);
    for (let i = 0; i < 20; i++) {
      await page.getByRole('button', { name: 'Random' }).click();
      assert.ok(Number(/index=(\d+)/.exec(page.url())![1]) < 5, page.url());
    }
    const number = page.locator('input[type=number]');
    await number.fill('77');
    await number.press('Enter');
    await page.waitForURL(/index=4/);
    assert.deepEqual(complaints, []);
    await close();
  });

  test('a layer of the drawing opens its panel, and the address remembers it', async () => {
    const { page, complaints, close } = await web.open('#/run/quick-7/inside');
    await page.getByRole('button', { name: 'Conv2d features.4' }).click();
    await page.getByRole('heading', { name: 'Layer features.4' }).waitFor();
    await page.getByText('256 × 5 × 5, padding 2').waitFor();
    assert.match(page.url(), /layer=features\.4/);
    await page.reload();
    await page.getByRole('heading', { name: 'Layer features.4' }).waitFor();
    assert.deepEqual(complaints, []);
    await close();
  });
});

describe('without --control', { skip: NO_BROWSER }, () => {
  const web = pages({ control: false });
  test('there are no buttons', async () => {
    const { page, close } = await web.open('');
    await page.locator('table.runs').waitFor();
    assert.equal(await page.getByRole('button', { name: /Delete|Rename/ }).count(), 0);
    await page.goto(`${web.fixture.url}/#/run/live`);
    await page.getByText('Live', { exact: true }).waitFor();
    assert.equal(await page.getByRole('button', { name: /Pause|Stop/ }).count(), 0);
    await close();
  });
});
