import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/*
 * How long the dashboard takes to show a long run: the list, the first chart with nothing indexed yet, any range
 * afterwards, and the memory of the server.
 *   npm run build && node dist/bench/serve.js --steps 1000000
 * Prints one JSON object.
 */
const { values } = parseArgs({ options: { steps: { type: 'string', default: '1000000' } } });
const steps = Number(values.steps);
const LINES_A_WRITE = 10_000;

/** A run of so many steps, with numbers as long as real ones. */
function makeRun(folder: string): number {
  mkdirSync(join(folder, 'checkpoints'), { recursive: true });
  const config = {
    version: 1,
    recipe: 'notes',
    model: {
      paper: 'alexnet',
      preset: 'notes',
      classes: ['a', 'b'],
      imageSize: 224,
      dropout: 0.5,
      init: 'pytorch',
    },
    dataset: 'cifar10',
    epochs: 10,
    maxSteps: steps,
    batchSize: 128,
    lr: 0.01,
    momentum: 0.9,
    weightDecay: 0,
    schedule: { kind: 'constant' },
    seed: 0,
    checkpointEvery: 100,
    logEvery: 100,
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const file = openSync(join(folder, 'metrics.jsonl'), 'w');
  let [lines, bytes]: [string[], number] = [[], 0];
  for (let step = 1; step <= steps; step++) {
    const stepSeconds = 1 + Math.sin(step) / 7;
    const event = {
      event: 'step',
      epoch: Math.ceil((10 * step) / steps),
      step,
      loss: 2.3 * Math.exp((-3 * step) / steps) + Math.abs(Math.sin(12.9898 * step)) / 10,
      lr: 0.01 * (1 - step / (steps + 1)),
      imagesPerSecond: 128 / stepSeconds,
      stepSeconds,
      dataSeconds: Math.abs(Math.cos(step)) / 100,
      rssMiB: 1500 + (step % 7),
    };
    lines.push(JSON.stringify(event));
    if (lines.length < LINES_A_WRITE && step < steps) continue;
    bytes += writeSync(file, `${lines.join('\n')}\n`);
    lines = [];
  }
  closeSync(file);
  return bytes;
}

const root = mkdtempSync(join(tmpdir(), 'paperweight-bench-'));
try {
  const bytes = makeRun(join(root, 'long'));
  const main = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
  const server = spawn(process.execPath, [main, 'serve', root, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [address] = (await once(createInterface(server.stdout), 'line')) as [string];
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
