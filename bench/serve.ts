import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startDashboard } from './dashboard.js';
import { makeLongRun } from './long-run.js';

/*
 * How long the dashboard takes to show a long run: the list of runs, the first chart before the run is indexed, any range
 * afterwards, and the memory of the server.
 *   npm run build && node dist/bench/serve.js --steps 1000000
 * Prints one JSON object.
 */
const { values } = parseArgs({ options: { steps: { type: 'string', default: '1000000' } } });
const steps = Number(values.steps);
const root = mkdtempSync(join(tmpdir(), 'paperweight-bench-'));
try {
  const bytes = makeLongRun(join(root, 'long'), { steps, noise: 0.1 });
  const { server, address } = await startDashboard(root);
  const time = async (path: string): Promise<number> => {
    const started = performance.now();
    const response = await fetch(new URL(path, address));
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    await response.arrayBuffer();
    return Math.round(performance.now() - started);
  };
  const rssMiB = (): number | undefined => {
    try {
      const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1];
      return kib === undefined ? undefined : Math.round(Number(kib) / 1024);
    } catch {
      return undefined;
    }
  };
  const series = '/api/runs/long/series?points=2000';
  const began = performance.now();
  const whenIndexed = async (): Promise<number> => {
    for (;;) {
      const answer = (await (await fetch(new URL(series, address))).json()) as { sampled?: true };
      if (!answer.sampled) return Math.round(performance.now() - began);
      await sleep(50);
    }
  };
  const rssBefore = rssMiB();
  const result = {
    steps,
    metricsMiB: Math.round(bytes / 2 ** 20),
    listMs: await time('/api/runs'),
    firstChartMs: await time(series),
    detailMs: await time('/api/runs/long'),
    indexedMs: await whenIndexed(),
    wholeMs: await time(series),
    wholeAllKeysMs: await time(`${series}&keys=loss,lr,imagesPerSecond,stepSeconds,dataSeconds,rssMiB`),
    rangeMs: await time(`${series}&from=${Math.floor(steps / 3)}&to=${Math.floor(steps / 2)}`),
    rssBeforeMiB: rssBefore,
    rssMiB: rssMiB(),
  };
  console.log(JSON.stringify(result));
  server.kill('SIGINT');
  await once(server, 'exit');
} finally {
  rmSync(root, { recursive: true, force: true });
}
