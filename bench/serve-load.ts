import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client, cpuSeconds } from './daily/event-clients.js';
import { startDashboard } from './dashboard.js';

/*
 * Many clients follow the events of one run while it trains. Each loses its connection now and then and reconnects with
 * its last id: none may miss or repeat a line.
 *   npm run build && node dist/bench/serve-load.js --clients 50 --seconds 300
 * `--url http://127.0.0.1:8321/ --run NAME` uses a running server and run; otherwise both are created, and the run gets
 * `--rate` lines per second. Prints one JSON object.
 */
const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '4' },
    url: { type: 'string' },
    run: { type: 'string', default: 'load' },
    /** Process id of the server, for its CPU time, with --url. */
    pid: { type: 'string' },
  },
});
const clients = Number(values.clients);
const seconds = Number(values.seconds);
let server: ChildProcess | undefined;
let root: string | undefined;
let training: NodeJS.Timeout | undefined;
let written = 0;
let { url } = values;
if (url === undefined) {
  root = mkdtempSync(join(tmpdir(), 'paperweight-bench-'));
  const folder = join(root, values.run);
  mkdirSync(folder);
  writeFileSync(join(folder, 'config.json'), '{}');
  const write = () => {
    const step = ++written;
    const line = { event: 'step', epoch: 1, step, loss: 2 / step, lr: 0.01, imagesPerSecond: 100 };
    const rest = { stepSeconds: 0.25, dataSeconds: 0.001, rssMiB: 900 };
    appendFileSync(join(folder, 'metrics.jsonl'), `${JSON.stringify({ ...line, ...rest })}\n`);
  };
  write();
  training = setInterval(write, 1000 / Number(values.rate));
  ({ server, address: url } = await startDashboard(root));
}
const pid = server?.pid ?? (values.pid === undefined ? undefined : Number(values.pid));
try {
  const address = new URL(`/api/runs/${encodeURIComponent(values.run)}/events?after=0`, url);
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  const all = Array.from({ length: clients }, () => new Client(address, agent));
  const before = cpuSeconds(pid);
  const running = all.map((client) => client.run());
  await sleep(seconds * 1000);
  clearInterval(training);
  // Wait for the last lines to arrive.
  await sleep(2000);
  const used = (cpuSeconds(pid) ?? Number.NaN) - (before ?? Number.NaN);
  for (const client of all) client.end();
  await Promise.all(running);
  const sum = (pick: (client: Client) => number) => all.reduce((total, client) => total + pick(client), 0);
  const last = all.map(({ lastStep }) => lastStep ?? 0);
  console.log(
    JSON.stringify({
      clients,
      seconds,
      linesReceived: sum(({ lines }) => lines),
      linesWritten: written || undefined,
      missed: sum(({ missed }) => missed),
      doubled: sum(({ doubled }) => doubled),
      resets: sum(({ resets }) => resets),
      refused: sum(({ refused }) => refused),
      connections: sum(({ connections }) => connections),
      lastStep: { min: Math.min(...last), max: Math.max(...last) },
      serverCpuPercent: Number.isNaN(used) ? null : Number(((100 * used) / (seconds + 2)).toFixed(2)),
    }),
  );
} finally {
  clearInterval(training);
  if (server) {
    server.kill('SIGINT');
    await once(server, 'exit');
  }
  if (root) rmSync(root, { recursive: true, force: true });
}
