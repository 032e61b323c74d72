import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Dashboard } from '../../src/serve/http/server.js';
import type { Answer } from '../../src/serve/route-table.js';
import { NO_PAPERS } from '../serve/support.js';
import { assertClose, expectedOf, smallRun, tenImages } from '../site/live.js';
import { launch, NO_BROWSER, open } from './browser.js';

/** An image of the test set, and two files of another size. */
const CHOSEN = [2, 5];

describe('Try it, computed in the page', { skip: NO_BROWSER }, () => {
  let folder: string;
  let run: string;
  let dashboard: Dashboard;
  let base: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'paperweight-try-'));
    const root = join(folder, 'runs');
    mkdirSync(root);
    run = await smallRun(root);
    dashboard = await Dashboard.open({
      root,
      host: '127.0.0.1',
      port: 0,
      control: false,
      version: '1.2.3',
      papers: NO_PAPERS,
    });
    base = `http://127.0.0.1:${dashboard.port}`;
  });
  after(async () => {
    await dashboard?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [device, engine] of [
    ['wasm', /by wasm/],
    ['webgpu', /by webgpu/],
  ] as const)
    it(`has the probabilities of the server, on ${device}`, async (t) => {
      const browser = await launch({ webgpu: device === 'webgpu' });
      t.after(() => browser.close());
      const { page, complaints } = await open(
        browser,
        base,
        `#/run/${basename(run)}/try?index=3&by=${device}`,
      );
      if (device === 'webgpu' && !(await page.evaluate('navigator.gpu?.requestAdapter().then(Boolean)'))) {
        if (process.env.PAPERWEIGHT_WEBGPU !== 'required')
          return t.skip('this Chromium has no WebGPU adapter');
        assert.fail('this Chromium has no WebGPU adapter');
      }
      const asked: string[] = [];
      page.on('request', (request) => asked.push(new URL(request.url()).pathname));
      const answer = page.locator('[data-probabilities]');
      const probabilities = async (): Promise<number[]> =>
        JSON.parse((await answer.getAttribute('data-probabilities'))!) as number[];
      await page.locator('.answer .hint', { hasText: engine }).waitFor();
      const response = await fetch(`${base}/api/runs/${basename(run)}/predict?index=3`, {
        method: 'POST',
        headers: { 'x-paperweight': '1' },
      });
      const { top } = (await response.json()) as Answer<'POST /api/runs/:id/predict'>;
      const shown = await probabilities();
      assert.deepEqual(
        [...shown].sort((a, b) => b - a).map((value) => value.toFixed(3)),
        top.map(({ probability }) => probability.toFixed(3)),
      );
      const images = (await tenImages(folder)).filter((_, i) => CHOSEN.includes(i));
      const expected = await expectedOf(
        run,
        images.map(({ file }) => file),
      );
      for (const [i, { file }] of images.entries()) {
        await page.setInputFiles('input[type=file]', file);
        await page.getByRole('img', { name: basename(file) }).waitFor();
        await answer.waitFor();
        assertClose(await probabilities(), expected[i]!, `image ${i}`);
      }
      // The network stays in the page: images go nowhere.
      assert.deepEqual(
        asked.filter((path) => path.endsWith('/predict')),
        [],
      );
      assert.deepEqual(complaints, []);
      return undefined;
    });

  it('says in words of the page that there is no GPU, and opens one again that was lost', async (t) => {
    const without = await launch();
    t.after(() => without.close());
    const { page } = await open(without, base, `#/run/${basename(run)}/try?index=1&by=webgpu`);
    const problem = page.locator('.problem');
    await problem.waitFor();
    assert.match(
      (await problem.textContent())!,
      /could not compute the prediction.*let the server or WebAssembly compute it/,
    );
    assert.doesNotMatch((await problem.textContent())!, /--device|wasmDevice/);

    const browser = await launch({ webgpu: true });
    t.after(() => browser.close());
    const { page: other } = await open(browser, base, `#/run/${basename(run)}/try?index=1&by=webgpu`);
    if (!(await other.evaluate('navigator.gpu?.requestAdapter().then(Boolean)'))) return;
    await other.locator('.answer').waitFor();
    const session = await browser.newBrowserCDPSession();
    await session.send('Browser.crashGpuProcess').catch(() => {});
    const image = (await tenImages(folder))[0]!;
    await other.setInputFiles('input[type=file]', image.file);
    await other.locator('.problem, .answer').first().waitFor();
    const retry = other.locator('.problem button');
    if (await retry.isVisible()) await retry.click();
    await other.locator('.answer .hint', { hasText: /by webgpu/ }).waitFor();
  });

  it('says why a network cannot be loaded, and the server still computes', async (t) => {
    const browser = await launch();
    t.after(() => browser.close());
    const { page } = await open(browser, base, `#/run/${basename(run)}/try?index=1`, {}, /404|409/);
    await page.locator('.answer').waitFor();
    await page.route('**/onnx', (route) =>
      route.fulfill({ status: 409, json: { error: { what: 'The run has no weights yet' } } }),
    );
    await page.selectOption('.try-by select', 'wasm');
    await page.locator('.problem', { hasText: 'The run has no weights yet' }).waitFor();
    await page.selectOption('.try-by select', 'server');
    await page.locator('.answer').waitFor();
  });
});
