/*
 * Makes docs/screenshots/*.webp from the present pages: trains two small runs, serves them, and takes screenshots of them in
 * Chromium (CHROME_PATH, or one in the PATH).
 *   npm run build && node scripts/screenshots.mjs [--runs DIR]    keeps the runs in DIR, and reuses existing ones
 * The data set is CIFAR-10 from the folder in PAPERWEIGHT_CIFAR10, or shapes10 if that is not set.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { startDashboard } from '../dist/bench/dashboard.js';
import { launch, NO_BROWSER } from '../dist/test/web/browser.js';

const at = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const SCREENS = at('../docs/screenshots');
const DESKTOP = { width: 1440, height: 1000 };
const PHONE = { width: 375, height: 812 };
const STEPS = 1200;
/** Names of the runs, and what sets them apart. */
const RUNS = {
  relu: ['--lr', '0.003', '--activation', 'relu'],
  tanh: ['--lr', '0.003', '--activation', 'tanh'],
};

/**
 * File name, address, what has to be there first, and how it is shown. `act` is a button to press first, `late` what
 * appears late, `scroll` what the image begins with.
 *
 * @type {readonly { name: string, hash: string, ready: string, act?: string, late?: readonly string[], size?: typeof DESKTOP, dark?: boolean, zh?: boolean, scroll?: string }[]}
 */
const PAGES = [
  { name: 'runs-light', hash: '#/', ready: 'table.runs', size: { width: 1440, height: 680 } },
  { name: 'run-light', hash: '#/run/relu', ready: '.norms' },
  { name: 'run-zh', hash: '#/run/relu', ready: '.norms', zh: true },
  { name: 'layers-light', hash: '#/run/relu', ready: '.norms', scroll: '.norms' },
  {
    name: 'inside-dark',
    hash: '#/run/relu/inside?layer=features.0',
    ready: 'canvas.kernels',
    late: ['ol.network', '.feature-maps'],
    size: { width: 1440, height: 1960 },
    dark: true,
  },
  {
    name: 'try-light',
    hash: '#/run/relu/try?index=3',
    ready: '.answer',
    act: 'Compute',
    late: ['ul.neighbours', 'table.confusion'],
    size: { width: 1440, height: 1680 },
  },
  {
    name: 'compare-dark',
    hash: '#/compare?ids=relu,tanh',
    ready: 'tr.differs',
    size: { width: 1440, height: 1200 },
    dark: true,
  },
  { name: 'paper-light', hash: '#/paper', ready: '.prose', size: { width: 1440, height: 1100 } },
  { name: 'runs-phone', hash: '#/', ready: 'table.runs', size: PHONE },
  { name: 'run-phone', hash: '#/run/relu', ready: '.norms', size: PHONE },
];

/** @param {string} folder */
async function train(folder) {
  const data = process.env.PAPERWEIGHT_CIFAR10 ? 'cifar10' : 'shapes10';
  for (const [name, flags] of Object.entries(RUNS)) {
    const run = join(folder, name);
    if (existsSync(run)) continue;
    const common = [
      '--preset',
      'four-layer',
      '--dataset',
      data,
      '--max-steps',
      String(STEPS),
      '--insight-every',
      '60',
      '--batch-size',
      '32',
      '--eval-limit',
      '1000',
    ];
    const args = [at('../dist/src/cli/main.js'), 'train', ...common, '--run', run, ...flags];
    const child = spawn(process.execPath, args, { stdio: 'inherit' });
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`training ${name} ended with ${code}`);
  }
}

/** @param {string} address */
async function takeScreenshots(address) {
  const browser = await launch();
  for (const { name, hash, ready, ...shown } of PAGES) {
    const { act, late = [], size = DESKTOP, dark = false, zh = false, scroll } = shown;
    const phone = size === PHONE;
    const context = await browser.newContext({
      viewport: size,
      deviceScaleFactor: phone ? 2 : 1,
      hasTouch: phone,
      colorScheme: dark ? 'dark' : 'light',
      locale: zh ? 'zh-CN' : 'en-US',
    });
    const page = await context.newPage();
    page.setDefaultTimeout(120_000);
    await page.goto(`${address.replace(/\/$/, '')}/${hash}`);
    await page.locator(ready).first().waitFor();
    if (act) await page.getByRole('button', { name: act }).click();
    for (const one of late) await page.locator(one).first().waitFor();
    if (scroll)
      await page
        .locator(scroll)
        .first()
        .evaluate((/** @type {HTMLElement} */ e) => {
          (e.closest('section') ?? e).scrollIntoView();
          scrollBy(0, -110);
        });
    await page.waitForLoadState('load');
    // Charts are drawn once their series has come.
    await page.waitForTimeout(1500);
    const file = join(SCREENS, `${name}.webp`);
    await sharp(await page.screenshot())
      .webp({ quality: 82 })
      .toFile(file);
    console.log(file);
    await context.close();
  }
  await browser.close();
}

const { values } = parseArgs({ options: { runs: { type: 'string' } } });
if (NO_BROWSER) throw new Error(`No screenshots: ${NO_BROWSER}`);
const folder = values.runs ?? (await mkdtemp(join(tmpdir(), 'paperweight-screenshots-')));
try {
  await train(folder);
  const { server, address } = await startDashboard(folder);
  try {
    await takeScreenshots(/https?:\S+/.exec(address)?.[0] ?? address);
  } finally {
    server.kill();
  }
} finally {
  if (values.runs === undefined) await rm(folder, { recursive: true });
}
