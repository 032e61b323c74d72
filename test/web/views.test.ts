import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { axe, NO_BROWSER, overflow } from './browser.js';
import { pages } from './pages.js';

/** Every view with all of its content, at both widths and in both themes. */
const VIEWS: Record<string, { hash: string; ready: string; act?: (page: Page) => Promise<void> }> = {
  runs: { hash: '', ready: 'table.runs' },
  run: { hash: '#/run/live', ready: '.norms' },
  'old run': { hash: '#/run/old', ready: 'text=No statistics of the layers' },
  inside: { hash: '#/run/quick-7/inside?layer=features.0', ready: 'canvas.kernels' },
  try: {
    hash: '#/run/quick-7/try?index=3',
    ready: '.answer',
    act: async (page) => {
      await page.getByRole('button', { name: 'Compute' }).click();
      await page.locator('table.confusion').waitFor();
    },
  },
  compare: {
    hash: '#/compare?ids=quick-7,a%2526b%2520%25C3%25BCn%25C3%25AF%252Ccode',
    ready: 'table.config',
  },
  paper: { hash: '#/paper', ready: '.prose' },
  unknown: { hash: '#/nowhere', ready: 'text=does not exist' },
};

describe('every view', { skip: NO_BROWSER }, () => {
  const web = pages();

  for (const [name, { hash, ready, act }] of Object.entries(VIEWS))
    test(name, async () => {
      const { page, complaints, close } = await web.open(hash, {
        viewport: { width: 1440, height: 900 },
        colorScheme: 'light',
        // Otherwise colours in a theme transition would be checked.
        reducedMotion: 'reduce',
      });
      await page.locator(ready).first().waitFor();
      await act?.(page);
      assert.deepEqual(await axe(page), [], 'axe, light, 1440');
      assert.ok((await overflow(page)) <= 0, '1440 px do not scroll sideways');
      await page.setViewportSize({ width: 375, height: 800 });
      await page.emulateMedia({ colorScheme: 'dark' });
      await page.locator('html[data-theme=dark]').waitFor();
      assert.deepEqual(await axe(page), [], 'axe, dark, 375');
      assert.ok((await overflow(page)) <= 0, '375 px do not scroll sideways');
      assert.deepEqual(complaints, []);
      await close();
    });

  test('no runs: how to start', async () => {
    const { runs } = web.fixture;
    web.fixture.runs = [];
    const { page, complaints, close } = await web.open('');
    await page.getByText('npm start', { exact: true }).waitFor();
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(complaints, []);
    web.fixture.runs = runs;
    await close();
  });

  test('in Chinese: by the browser’s language, or chosen and stored', async () => {
    const { page, complaints, close } = await web.open('#/paper', { locale: 'zh-CN' });
    await page.getByText('五个卷积层').waitFor();
    assert.equal(await page.evaluate('document.documentElement.lang'), 'zh-CN');
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByText('Five convolutional layers').waitFor();
    await page.reload();
    await page.getByText('Five convolutional layers').waitFor();
    assert.deepEqual(complaints, []);
    await close();
  });

  test('notes cannot execute anything', async () => {
    const { page, close } = await web.open('#/paper');
    await page.locator('.prose').waitFor();
    assert.equal(await page.evaluate('window.hacked'), undefined);
    assert.equal(await page.locator('.prose script, .prose img, .prose [href^="javascript"]').count(), 0);
    await close();
  });

  test('an error says what, expected, got and next', async () => {
    const missing = await web.open('#/run/none', {}, /404/);
    const alert = missing.page.getByRole('alert');
    await alert.getByText('There is no such run').waitFor();
    for (const text of ['one of the list', '/api/runs/none', 'go back to the list'])
      await alert.getByText(text).waitFor();
    assert.deepEqual(await axe(missing.page), []);
    assert.deepEqual(missing.complaints, []);
    await missing.close();
  });
});
