import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { buildSite } from '../../src/site/build.js';
import { assertClose, expectedOf, smallRun, tenImages } from '../site/live.js';
import { axe, CHROMIUM, launch, NO_BROWSER, open, overflow } from './browser.js';

/** Chromium with WebGPU in software, which pages use only if a reader asks for it. */
const launchWithGpu = (): Promise<Browser> =>
  chromium.launch({
    executablePath: CHROMIUM!,
    args: [
      '--headless',
      '--no-sandbox',
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
      '--enable-features=Vulkan',
    ],
  });

describe('the live demo in Chromium', { skip: NO_BROWSER }, () => {
  let folder: string;
  let base: string;
  let images: Awaited<ReturnType<typeof tenImages>>;
  let expected: number[][];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'paperweight-live-'));
    const run = await smallRun(folder);
    const out = join(folder, 'site');
    await buildSite({ out, runs: [], live: run });
    base = pathToFileURL(out).href;
    images = await tenImages(folder);
    expected = await expectedOf(
      run,
      images.map(({ file }) => file),
    );
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [device, start, engine] of [
    ['wasm', launch, /by wasm/],
    ['webgpu', launchWithGpu, /by webgpu/],
  ] as const)
    it(`classifies ten images as Node does, on ${device} and from disk`, async (t) => {
      const browser = await start();
      t.after(() => browser.close());
      const { page, complaints } = await open(browser, base, 'live.html');
      if (device === 'webgpu' && !(await page.evaluate('navigator.gpu?.requestAdapter().then(Boolean)')))
        return t.skip('this Chromium has no WebGPU');
      await page.selectOption('[data-live-device]', device);
      const result = page.locator('[data-live-result]');
      for (const [i, { file }] of images.entries()) {
        await page.locator('[data-live-status]').evaluate((element) => {
          element.textContent = '';
        });
        await page.setInputFiles('[data-live-file]', file);
        await page.locator('[data-live-status]', { hasText: engine }).waitFor();
        const text = await result.getAttribute('data-probabilities');
        assertClose(JSON.parse(text!) as number[], expected[i]!, `image ${i}`);
      }
      assert.equal(await page.locator('[data-live-maps] canvas').count(), 3);
      assert.deepEqual(complaints, []);
      return undefined;
    });

  it('takes examples, rejects files that are not images, and is accessible', async (t) => {
    const browser = await launch();
    t.after(() => browser.close());
    const { page, complaints } = await open(browser, base, 'zh/live.html', {
      viewport: { width: 375, height: 800 },
      colorScheme: 'dark',
    });
    await page.locator('[data-live-example]').nth(3).click();
    await page.locator('[data-live-status]', { hasText: '由 wasm 计算' }).waitFor();
    assert.equal(await page.locator('[data-live-guesses] li').count(), 10);
    assert.ok((await overflow(page)) <= 0);
    await page.setInputFiles('[data-live-file]', {
      name: 'x.png',
      mimeType: 'image/png',
      buffer: Buffer.from('no image'),
    });
    await page.locator('[data-live-status]', { hasText: '无法把这个文件读成图像' }).waitFor();
    const result = page.locator('[data-live-result]');
    assert.ok(await result.isHidden(), 'nothing of the image before is shown');
    assert.equal(await result.getAttribute('data-probabilities'), null);
    await page.locator('[data-live-example]').nth(1).click();
    await result.waitFor();
    assert.deepEqual(complaints, []);
    // Last, because it asks for style sheets, which the policy forbids.
    assert.deepEqual(await axe(page), []);
  });
});
