import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { resultHead } from '../src/bench/machine.js';
import { median } from '../src/bench/stats.js';
import { launch, NO_BROWSER } from '../test/web/browser.js';
import { startDashboard } from './dashboard.js';

/*
 * Observes a training and its dashboard for hours: resident memory, open file descriptors and threads of both, read from
 * /proc (Linux), with the run's page open in Chromium.
 *   npm run build && node dist/bench/soak.js --run runs/mine --minutes 120 --samples soak.jsonl
 * observes a run that is already training. Samples are kept if it is interrupted. Their summary is printed as JSON by
 *   node dist/bench/soak.js --summarise soak.jsonl
 */
const { values } = parseArgs({
  options: {
    run: { type: 'string' },
    minutes: { type: 'string', default: '120' },
    samples: { type: 'string', default: 'soak.jsonl' },
    summarise: { type: 'string' },
    out: { type: 'string' },
  },
});
const EVERY_MS = 20_000;

interface Usage {
  /** Resident set, in KiB. */
  readonly rss: number;
  readonly fds: number;
  readonly threads: number;
}

interface Sample {
  readonly t: string;
  readonly train: Usage | null;
  readonly server: Usage | null;
  /** The page's title, which contains the run's name, or an error message. */
  readonly page: string;
}

function usage(pid: number): Usage | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const number = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)![1]);
    return { rss: number('VmRSS'), fds: readdirSync(`/proc/${pid}/fd`).length, threads: number('Threads') };
  } catch {
    return null;
  }
}

async function watch(run: string): Promise<void> {
  if (NO_BROWSER) throw new Error(NO_BROWSER);
  const { pid } = JSON.parse(readFileSync(join(run, 'process.json'), 'utf8')) as { pid: number };
  const { server, address } = await startDashboard(dirname(resolve(run)));
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(`${address}#/run/${encodeURIComponent(basename(resolve(run)))}`);
    const end = Date.now() + Number(values.minutes) * 60_000;
    while (Date.now() < end) {
      const title = await page.title().catch(String);
      const sample: Sample = {
        t: new Date().toISOString(),
        train: usage(pid),
        server: usage(server.pid!),
        page: title,
      };
      appendFileSync(values.samples, `${JSON.stringify(sample)}\n`);
      process.stderr.write(`\r${sample.t} ${JSON.stringify(sample.train)} ${title}`);
      if (!sample.train) break;
      await sleep(EVERY_MS);
    }
  } finally {
    await browser.close();
    server.kill();
  }
}

/** Medians of the first and the last tenth, so that a single sample during a garbage collection has no effect. */
function course(all: readonly Usage[]) {
  const tenth = Math.max(1, Math.floor(all.length / 10));
  const mib = (part: readonly Usage[]) => median(part.map(({ rss }) => rss)) / 1024;
  const [first, last] = [mib(all.slice(0, tenth)), mib(all.slice(-tenth))];
  const ends = (key: 'fds' | 'threads') => ({
    first: all[0]![key],
    last: all.at(-1)![key],
    most: Math.max(...all.map((one) => one[key])),
  });
  return {
    rssMiB: {
      first: Math.round(first),
      last: Math.round(last),
      least: Math.round(Math.min(...all.map(({ rss }) => rss)) / 1024),
      most: Math.round(Math.max(...all.map(({ rss }) => rss)) / 1024),
      growthPercent: Number((100 * (last / first - 1)).toFixed(2)),
    },
    descriptors: ends('fds'),
    threads: ends('threads'),
  };
}

function summarise(file: string) {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const samples = lines.map((line) => JSON.parse(line) as Sample);
  const of = (who: 'train' | 'server') => samples.flatMap((sample) => sample[who] ?? []);
  const [from, to] = [samples[0]!.t, samples.at(-1)!.t];
  const { threads: _, ...head } = resultHead(0);
  const titles = new Map<string, number>();
  for (const { page } of samples) titles.set(page, (titles.get(page) ?? 0) + 1);
  return {
    ...head,
    from,
    to,
    minutes: Math.round((Date.parse(to) - Date.parse(from)) / 60_000),
    samples: samples.length,
    training: course(of('train')),
    server: course(of('server')),
    /** Number of samples with each page title. */
    page: Object.fromEntries(titles),
  };
}

if (values.run !== undefined) await watch(values.run);
const file = values.summarise ?? values.samples;
const text = `${JSON.stringify(summarise(file), null, 2)}\n`;
if (values.out === undefined) process.stdout.write(text);
else writeFileSync(values.out, text);
