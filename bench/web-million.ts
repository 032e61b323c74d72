import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { launch, NO_BROWSER } from '../test/web/browser.js';
import { framesOf, memoryOf } from './daily/frames.js';
import { startDashboard } from './dashboard.js';
import { makeLongRun } from './long-run.js';

/*
 * Speed of the pages with a run of a million steps: time to the first chart, frames per second while panning and zooming,
 * and memory of the tab. With a real server and Chromium.
 *   npm run build && node dist/bench/web-million.js --steps 1000000
 * Prints one JSON object.
 */
const { values } = parseArgs({ options: { steps: { type: 'string', default: '1000000' } } });
const steps = Number(values.steps);
if (NO_BROWSER) throw new Error(NO_BROWSER);

const root = mkdtempSync(join(tmpdir(), 'paperweight-bench-'));
const browser = await launch();
makeLongRun(join(root, 'long'), { steps, noise: 0.5 });
const { server, address } = await startDashboard(root);
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(120_000);
  const plot = page.getByRole('group', { name: 'Training loss' });
  const show = async (): Promise<number> => {
    await page.goto('about:blank');
    const began = performance.now();
    await page.goto(`${address}#/run/long`);
    await plot.locator('canvas').waitFor();
    return Math.round(performance.now() - began);
  };
  const firstChartMs = await show();
  await page.getByText(/is being read for the first time/).waitFor({ state: 'detached' });
  const chartAgainMs = await show();
  const box = (await plot.locator('.u-over').boundingBox())!;
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.waitForTimeout(500);
  const zooming = await framesOf(page, async () => {
    for (let i = 0; i < 120; i++) {
      await page.mouse.wheel(0, i < 60 ? -60 : 40);
      await page.waitForTimeout(16);
    }
  });
  await page.keyboard.down('Shift');
  await page.mouse.down();
  const panning = await framesOf(page, async () => {
    for (let i = 0; i < 180; i++) {
      await page.mouse.move(x + 300 * Math.sin(i / 20), y);
      await page.waitForTimeout(16);
    }
  });
  await page.mouse.up();
  await page.keyboard.up('Shift');
  console.log(
    JSON.stringify({
      steps,
      firstChartMs,
      chartAgainMs,
      zooming,
      panning,
      ...(await memoryOf(page)),
    }),
  );
} finally {
  await browser.close();
  server.kill('SIGINT');
  await once(server, 'exit');
  rmSync(root, { recursive: true, force: true });
}
