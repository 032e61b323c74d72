import { parseArgs } from 'node:util';
import { launch, NO_BROWSER } from '../test/web/browser.js';
import { TrainingPage } from '../test/web/training-page.js';

/*
 * The page of examples/browser in Chromium: images a second, and frames a second while it trains on the processor, with
 * and without cross-origin isolation; and the size of its scripts.
 *   npm run build && node dist/bench/web-training.js --seconds 10
 * Prints one JSON object. Frames are counted in the page, while a worker trains.
 */
const { values } = parseArgs({ options: { seconds: { type: 'string', default: '10' } } });
const seconds = Number(values.seconds);
if (NO_BROWSER) throw new Error(NO_BROWSER);

const COUNT = `new Promise((resolve) => {
  const gaps = [];
  let before = performance.now();
  const end = before + ${1000 * seconds};
  const count = (now) => {
    gaps.push(now - before);
    before = now;
    if (now < end) requestAnimationFrame(count);
    else resolve(gaps.slice(1));
  };
  requestAnimationFrame(count);
})`;

const built = await TrainingPage.build();
const browser = await launch();
try {
  const { processor, gpu } = await built.scripts();
  const rows = [];
  for (const [kind, options] of [
    ['isolated', []],
    ['plain', ['--plain']],
  ] as const) {
    const address = await built.serve(...options);
    for (const network of ['four-layer', 'resnet-20', 'vit']) {
      const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-US' });
      await page.goto(`${address}?network=${network}`);
      await page.locator('#devices', { hasText: /./ }).waitFor();
      await page.click('#start');
      await page.locator('#status', { hasText: /^Step ([3-9]|\d\d+) / }).waitFor({ timeout: 120_000 });
      const session = await page.context().newCDPSession(page);
      await session.send('Performance.enable');
      const busy = async (): Promise<number> => {
        const { metrics } = await session.send('Performance.getMetrics');
        return metrics.find(({ name }) => name === 'TaskDuration')!.value;
      };
      const before = await busy();
      const gaps = await page.evaluate<number[]>(COUNT);
      const tasks = (await busy()) - before;
      const sorted = gaps.toSorted((a, b) => a - b);
      const status = (await page.textContent('#status')) ?? '';
      rows.push({
        kind,
        network,
        imagesPerSecond: Number(/(\d+) images a second/.exec(status)?.[1]),
        framesPerSecond: Math.round((1000 * gaps.length) / gaps.reduce((a, b) => a + b, 0)),
        /** Of the page's own thread: its tasks, such as drawing the charts. */
        busyPercent: Math.round((100 * tasks) / seconds),
        p95Ms: Math.round(sorted[Math.floor(0.95 * sorted.length)]!),
        worstMs: Math.round(sorted.at(-1)!),
      });
      await page.close();
    }
  }
  console.log(
    JSON.stringify({ what: 'web-training', seconds, compressedBytes: { processor, gpu }, rows }, null, 2),
  );
} finally {
  await browser.close();
  await built.close();
}
