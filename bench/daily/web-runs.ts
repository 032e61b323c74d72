import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeProcess } from '../../src/run/process-file.js';
import { launch, NO_BROWSER } from '../../test/web/browser.js';
import { startDashboard } from '../dashboard.js';
import { makeLongRun } from '../long-run.js';
import { framesOf, memoryOf, processorMs } from './frames.js';

/*
 * The pages with very many runs, one of which has a million steps: time until the list and its curves are there, until a
 * comparison of 50 runs in groups is there, frames per second while zooming, and memory of the tab. With a real server and
 * Chromium. Times depend on what else the machine does; processor times hardly do.
 *   npm run build && node dist/bench/daily/web-runs.js --runs 2000 --steps 1000000 [--keep DIR]
 * `--keep` keeps the runs in a folder, and uses those that it has. Prints one JSON object.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '2000' },
    steps: { type: 'string', default: '1000000' },
    short: { type: 'string', default: '300' },
    keep: { type: 'string' },
  },
});
const [count, steps, short] = [Number(values.runs), Number(values.steps), Number(values.short)];
if (NO_BROWSER) throw new Error(NO_BROWSER);
/** Members of the comparison. */
const GROUP = 50;
const RATES = [0.003, 0.01, 0.03, 0.1, 0.3];

const root = values.keep ?? mkdtempSync(join(tmpdir(), 'paperweight-bench-'));
const name = (i: number): string => (i === 0 ? 'long' : `run-${String(i).padStart(4, '0')}`);
for (let i = 0; i < count; i++) {
  if (existsSync(join(root, name(i)))) continue;
  const size = { steps: i === 0 ? steps : short, noise: 0.5, lr: RATES[i % RATES.length]!, seed: i };
  makeLongRun(join(root, name(i)), { ...size, measured: true });
  await writeProcess(join(root, name(i)), 'done');
}
const browser = await launch();
const { server, address } = await startDashboard(root);
try {
  // The server reads the runs when it starts.
  const began = performance.now();
  await (await fetch(new URL('/api/runs', address))).arrayBuffer();
  const serverFirstMs = Math.round(performance.now() - began);
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(120_000);
  /** Opens a page in a new document; the time until each part is there, and the processor time of all. */
  const show = async (hash: string, parts: Readonly<Record<string, string>>) => {
    // Another document of the same origin, so that the page's process stays.
    await page.goto(`${address}favicon.svg`);
    const times: Record<string, number> = {};
    const started = performance.now();
    const used = await processorMs(page, async () => {
      await page.goto(`${address}${hash}`);
      await Promise.all(
        Object.entries(parts).map(async ([part, selector]) => {
          await page.locator(selector).first().waitFor();
          times[`${part}Ms`] = Math.round(performance.now() - started);
        }),
      );
    });
    return { ...times, processorMs: used };
  };
  const zoom = async (title: string) => {
    const box = (await page.getByRole('group', { name: title }).locator('.u-over').boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.waitForTimeout(1000);
    return framesOf(page, async () => {
      for (let i = 0; i < 120; i++) {
        await page.mouse.wheel(0, i < 60 ? -60 : 40);
        await page.waitForTimeout(16);
      }
    });
  };
  const ids = Array.from({ length: GROUP }, (_, i) => name(i)).join(',');
  const canvas = '.chart-plot canvas';
  const list = { list: 'table.runs tbody tr', curves: canvas };
  const result = {
    runs: count,
    steps,
    serverFirstMs,
    listFirst: await show('#/', list),
    list: await show('#/', list),
    listZoom: await zoom('Training loss'),
    group: await show(`#/compare?ids=${ids}&group=lr`, { curves: canvas, settings: 'table.config' }),
    groupZoom: await zoom('Training loss'),
    long: await show('#/run/long', { curves: canvas }),
    longZoom: await zoom('Training loss'),
    ...(await memoryOf(page)),
  };
  console.log(JSON.stringify(result));
} finally {
  await browser.close();
  server.kill('SIGINT');
  await once(server, 'exit');
  if (values.keep === undefined) rmSync(root, { recursive: true, force: true });
}
