import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { buildSite } from '../../src/site/build.js';
import { axe, launch, NO_BROWSER, open, overflow } from './browser.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
};

/** A web server that has the site below `/deep/path/`, and nothing else. */
async function serveBelow(folder: string): Promise<Server> {
  const server = createServer((request, response) => {
    const path = /^\/deep\/path\/([\w./-]*)/.exec(request.url ?? '')?.[1];
    try {
      if (path === undefined) throw new Error('outside of the site');
      const bytes = readFileSync(join(folder, path));
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' });
      response.end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

describe('the site in Chromium', { skip: NO_BROWSER }, () => {
  let folder: string;
  let browser: Browser;
  let server: Server;
  /** From disk, and below a path of a server. */
  let bases: readonly string[];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'paperweight-site-'));
    const out = join(folder, 'site');
    await buildSite({ out, runs: [] });
    server = await serveBelow(out);
    bases = [pathToFileURL(out).href, `http://127.0.0.1:${(server.address() as AddressInfo).port}/deep/path`];
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('shows all kinds of pages from disk and below a path, without a complaint', async () => {
    for (const base of bases)
      for (const path of ['index.html', 'papers/resnet.html', 'zh/papers/adam.html', 'search.html']) {
        const { page, complaints, close } = await open(browser, base, path);
        await page.locator('[data-theme-button]').waitFor();
        for (const image of await page.locator('main img').all()) await image.scrollIntoViewIfNeeded();
        assert.ok(
          await page.evaluate(
            '[...document.images].every((image) => image.complete && image.naturalWidth > 0)',
          ),
          path,
        );
        assert.deepEqual(complaints, [], `${base}/${path}`);
        await close();
      }
  });

  it('has no serious finding of axe and no page wider than its window', async () => {
    for (const [path, width, colorScheme] of [
      ['index.html', 1440, 'light'],
      ['papers/alexnet.html', 375, 'dark'],
      ['papers/alexnet.html', 1440, 'light'],
      ['zh/papers/vae.html', 375, 'light'],
      ['zh/search.html', 375, 'dark'],
    ] as const) {
      const { page, close } = await open(browser, bases[0]!, path, {
        colorScheme,
        viewport: { width, height: 800 },
      });
      assert.deepEqual(await axe(page), [], `${path} ${width} ${colorScheme}`);
      assert.ok((await overflow(page)) <= 0, `${path} ${width}`);
      await close();
    }
  });

  it('reads curves under the cursor, zooms by dragging and by keys, and shows all again', async () => {
    const { page, complaints, close } = await open(browser, bases[0]!, 'papers/adam.html');
    const chart = page.locator('[data-chart]').first();
    const plot = chart.locator('.plot');
    await plot.scrollIntoViewIfNeeded();
    const box = (await plot.boundingBox())!;
    const at = (share: number): [number, number] => [box.x + box.width * share, box.y + box.height / 2];
    await page.mouse.move(...at(0.5));
    await chart.locator('.plot-tip b').waitFor();
    assert.match((await chart.locator('.plot-tip').textContent())!, /^epoch \d+.*Adam.* [\d.]+/);
    const ticks = () => plot.locator('.tick.middle').allTextContents();
    const whole = await ticks();
    await page.mouse.down();
    await page.mouse.move(...at(0.7), { steps: 4 });
    await page.mouse.up();
    assert.notDeepEqual(await ticks(), whole);
    await chart.locator('[data-chart-whole]').click();
    assert.deepEqual(await ticks(), whole);
    await page.keyboard.press('+');
    await page.keyboard.press('+');
    assert.notDeepEqual(await ticks(), whole);
    await page.keyboard.press('ArrowRight');
    assert.match((await chart.locator('[data-chart-says]').textContent())!, /epoch \d+/);
    await page.keyboard.press('Escape');
    assert.deepEqual(await ticks(), whole);
    assert.deepEqual(complaints, []);
    await close();
  });

  it('finds words in both languages, and shows them as text', async () => {
    for (const [path, word, link] of [
      ['search.html', 'local response', 'AlexNet'],
      ['zh/search.html', '残差', 'ResNet'],
    ] as const) {
      const { page, close } = await open(browser, bases[0]!, path);
      await page.fill('#query', word);
      const first = page.locator('[data-search-found] a', { hasText: link }).first();
      await first.click();
      await page.locator('h1', { hasText: link }).waitFor();
      await close();
    }
    const { page, complaints, close } = await open(browser, bases[0]!, 'search.html');
    await page.fill('#query', '<img src=x onerror=alert(1)>');
    await page.locator('[role=status]', { hasText: 'Nothing found' }).waitFor();
    assert.deepEqual(complaints, []);
    await close();
  });

  it('keeps the theme that was chosen, and follows the system before', async () => {
    const { page, close } = await open(browser, bases[1]!, 'index.html', { colorScheme: 'dark' });
    const ground = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    assert.equal(await ground(), 'rgb(22, 21, 18)');
    await page.click('[data-theme-button]');
    assert.equal(await ground(), 'rgb(251, 249, 244)');
    await page.click('.card a');
    await page.locator('.claims').waitFor();
    assert.equal(await ground(), 'rgb(251, 249, 244)');
    await page.click('.top-tools .tool');
    await page.locator('html[lang=zh-CN]').waitFor();
    assert.match(page.url(), /\/deep\/path\/zh\/papers\/\w+\.html$/);
    await close();
  });

  it('prints with all evidence and without what only a screen needs', async () => {
    const { page, close } = await open(browser, bases[0]!, 'papers/resnet.html', { colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    await page.evaluate(`dispatchEvent(new Event('beforeprint'))`);
    assert.equal(await page.locator('details:not([open])').count(), 0);
    assert.equal(await page.locator('.contents').isVisible(), false);
    assert.equal(
      await page.evaluate('getComputedStyle(document.body).backgroundColor'),
      'rgb(255, 255, 255)',
    );
    assert.equal(
      await page.evaluate(`getComputedStyle(document.documentElement).getPropertyValue('--run-1')`),
      '#2a5a98',
    );
    await close();
  });
});
