import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/*
 * Starts the service twice, with and without batching, and asks it for the same images with many clients at once.
 * Every answer is compared with that for the image alone.
 *
 *   node dist/load-test.js <run-or-weights> <folder of images> [--clients 32] [--seconds 10] [-- options of the service]
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    clients: { type: 'string', default: '32' },
    seconds: { type: 'string', default: '10' },
  },
});
const [weights, folder, ...rest] = positionals;
if (weights === undefined || folder === undefined) {
  console.error('Expected a run or a file of weights, and a folder of images.');
  process.exit(2);
}
const clients = Number(values.clients);
const milliseconds = 1000 * Number(values.seconds);
const TYPES: Readonly<Record<string, string>> = {
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
};
/** Probabilities of one image may differ by rounding: batches of another size take other kernels. */
const TOLERANCE = 1e-3;

interface Guess {
  readonly label: string;
  readonly probability: number;
}

const images = await Promise.all(
  (await readdir(folder))
    .sort()
    .filter((name) => path.extname(name).toLowerCase() in TYPES)
    .map(async (name) => ({
      type: TYPES[path.extname(name).toLowerCase()] ?? '',
      bytes: await readFile(path.join(folder, name)),
    })),
);
if (images.length === 0) throw new Error(`There are no images in ${folder}`);

async function start(options: readonly string[]): Promise<{ child: ChildProcess; url: string }> {
  const main = fileURLToPath(new URL('./main.js', import.meta.url));
  const args = [main, weights as string, '--port', '0', ...rest, ...options];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface(child.stdout)) {
    const url = /^Listening on (\S+)$/.exec(line)?.[1];
    if (url) return { child, url };
  }
  throw new Error('The service has ended before it listened');
}

async function ask(url: string, index: number): Promise<Guess[]> {
  const { type, bytes } = images[index % images.length]!;
  const response = await fetch(`${url}/classify?top=1000`, {
    method: 'POST',
    headers: { 'content-type': type },
    body: bytes,
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  const { results } = (await response.json()) as { results: { guesses: Guess[] }[] };
  return results[0]?.guesses ?? [];
}

/** The largest difference between the probabilities of two answers. */
function difference(a: readonly Guess[], b: readonly Guess[]): number {
  const known = new Map(b.map(({ label, probability }) => [label, probability]));
  return Math.max(...a.map(({ label, probability }) => Math.abs(probability - (known.get(label) ?? 9))));
}

async function measure(name: string, options: readonly string[]) {
  const { child, url } = await start(options);
  const alone: Guess[][] = [];
  for (const index of images.keys()) alone.push(await ask(url, index));
  const times: number[] = [];
  let [worst, next] = [0, 0];
  const began = performance.now();
  const client = async () => {
    while (performance.now() - began < milliseconds) {
      const index = next++ % images.length;
      const from = performance.now();
      const guesses = await ask(url, index);
      times.push(performance.now() - from);
      worst = Math.max(worst, difference(guesses, alone[index]!));
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const seconds = (performance.now() - began) / 1000;
  const health = (await (await fetch(`${url}/health`)).json()) as { batches: number; inputs: number };
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  times.sort((a, b) => a - b);
  const quantile = (q: number) => times[Math.min(times.length - 1, Math.floor(q * times.length))] ?? 0;
  return {
    service: name,
    clients,
    images: times.length,
    imagesPerSecond: Number((times.length / seconds).toFixed(1)),
    p50: Number(quantile(0.5).toFixed(1)),
    p99: Number(quantile(0.99).toFixed(1)),
    meanBatch: Number((health.inputs / health.batches).toFixed(1)),
    largestDifference: worst,
    exit: code as number | null,
  };
}

for (const [name, options] of [
  ['batches', []],
  ['one by one', ['--max-batch', '1']],
] as const) {
  const result = await measure(name, options);
  console.log(JSON.stringify(result));
  if (result.largestDifference > TOLERANCE || result.exit !== 0) process.exitCode = 1;
}
