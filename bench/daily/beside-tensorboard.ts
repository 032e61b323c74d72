import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { launch, NO_BROWSER } from '../../test/web/browser.js';
import { startDashboard } from '../dashboard.js';
import { Hand } from './hand.js';
import { QUESTIONS } from './questions.js';

/*
 * Ten daily questions to the dashboard and to TensorBoard, on the same runs: the number of user actions until the answer
 * is on the page (clicks, drags, fields; looking and scrolling do not count), and the time until the first chart of a
 * fresh page, in turns. Trains six small runs first, whose event files TensorBoard reads.
 *   npm run build && PAPERWEIGHT_TENSORBOARD_PYTHON=python node dist/bench/daily/beside-tensorboard.js
 *     [--runs DIR] keeps the runs, and uses those that are there   [--out FILE] writes the result   [--rounds 5]
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string' },
    out: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
  },
});
const python = process.env.PAPERWEIGHT_TENSORBOARD_PYTHON;
if (NO_BROWSER) throw new Error(NO_BROWSER);
if (!python)
  throw new Error('PAPERWEIGHT_TENSORBOARD_PYTHON names no Python that has the package tensorboard');
const root = values.runs ?? mkdtempSync(join(tmpdir(), 'paperweight-daily-'));
const [runs, logs] = [join(root, 'runs'), join(root, 'logs')];
const VIEW = { width: 1440, height: 900 };

/** Three learning rates with two seeds each. */
async function train(): Promise<void> {
  const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
  for (const lr of ['0.001', '0.003', '0.01'])
    for (const seed of ['0', '1']) {
      const run = join(runs, `lr-${lr}-seed-${seed}`);
      if (existsSync(join(run, 'state.json'))) continue;
      const size = [
        '--preset',
        'four-layer',
        '--dataset',
        'shapes10',
        '--epochs',
        '4',
        '--eval-limit',
        '200',
      ];
      const flags = [...size, '--lr', lr, '--seed', seed, '--insight-every', '40', '--log-dir', logs];
      const trained = spawn(process.execPath, [main, 'train', ...flags, '--run', run], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const [code] = (await once(trained, 'exit')) as [number];
      if (code !== 0) throw new Error(`training ${run} failed`);
    }
}

async function startTensorBoard(): Promise<{ server: ChildProcess; address: string; version: string }> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  const server = spawn(python!, ['-m', 'tensorboard.main', '--logdir', logs, '--port', String(port)], {
    stdio: 'ignore',
  });
  const address = `http://127.0.0.1:${port}/`;
  for (let i = 0; i < 300; i++) {
    const answer = await fetch(`${address}data/runs`).catch(() => undefined);
    if (answer?.ok && ((await answer.json()) as string[]).length === 6) {
      const { version } = (await (await fetch(`${address}data/environment`)).json()) as { version: string };
      return { server, address, version };
    }
    await sleep(200);
  }
  throw new Error('TensorBoard does not show the runs');
}

/** Opens a page of a browser that has seen nothing. */
async function fresh<T>(browser: Browser, address: string, body: (page: Page) => Promise<T>): Promise<T> {
  const context = await browser.newContext({ viewport: VIEW, locale: 'en-US', acceptDownloads: true });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    await page.goto(address);
    return await body(page);
  } finally {
    await context.close();
  }
}

const median = (all: readonly number[]): number => all.toSorted((a, b) => a - b)[all.length >> 1]!;

await train();
const [ours, theirs] = [await startDashboard(runs), await startTensorBoard()];
const browser = await launch();
try {
  const first = async (address: string, chart: string): Promise<number> => {
    const began = performance.now();
    return fresh(browser, address, async (page) => {
      await page.locator(chart).first().waitFor();
      return performance.now() - began;
    });
  };
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round < Number(values.rounds); round++) {
    times[0].push(await first(ours.address, '.chart-plot canvas'));
    times[1].push(await first(theirs.address, 'line-chart canvas, tb-histogram path:visible'));
  }
  const questions = [];
  for (const { asks, ours: own, theirs: other } of QUESTIONS) {
    if (values.only !== undefined && !asks.includes(values.only)) continue;
    const clicks = (address: string, ask: (hand: Hand) => Promise<void>): Promise<number> =>
      fresh(browser, address, async (page) => {
        const hand = new Hand(page);
        await ask(hand);
        return hand.clicks;
      }).catch((error) => {
        process.exitCode = 1;
        console.error(`${asks} ${address}\n${error}`);
        return Number.NaN;
      });
    questions.push({
      asks,
      paperweight: await clicks(ours.address, own),
      tensorboard: other ? await clicks(theirs.address, other) : null,
    });
  }
  const result = {
    tensorboard: theirs.version,
    runs: 6,
    rounds: Number(values.rounds),
    firstChartMs: { paperweight: Math.round(median(times[0])), tensorboard: Math.round(median(times[1])) },
    questions,
  };
  const text = `${JSON.stringify(result, undefined, 2)}\n`;
  if (values.out !== undefined) writeFileSync(values.out, text);
  process.stdout.write(text);
} finally {
  await browser.close();
  for (const { server } of [ours, theirs]) {
    server.kill('SIGINT');
    await once(server, 'exit');
  }
  if (values.runs === undefined) rmSync(root, { recursive: true, force: true });
}
