import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, type ClientRequest, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
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
/** Mean duration of a connection; durations vary from 0.5 to 1.5 times this. */
const CONNECTED_MS = 20_000;
/** Clock ticks per second in /proc. */
const TICKS = 100;

class Client {
  lines = 0;
  missed = 0;
  doubled = 0;
  connections = 0;
  resets = 0;
  refused = 0;
  lastStep: number | undefined;
  #id = '';
  #request: ClientRequest | undefined;
  #ended = false;

  constructor(
    readonly address: URL,
    readonly agent: Agent,
  ) {}

  async run(): Promise<void> {
    while (!this.#ended) {
      this.connections++;
      await this.#connect(CONNECTED_MS * (0.5 + Math.random()));
    }
  }

  #connect(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const headers = this.#id === '' ? {} : { 'Last-Event-ID': this.#id };
      const sent = request(this.address, { headers, agent: this.agent });
      this.#request = sent;
      const timer = setTimeout(() => sent.destroy(), ms);
      const end = () => {
        clearTimeout(timer);
        resolve();
      };
      sent.on('error', end);
      sent.on('response', (response) => {
        if (response.statusCode !== 200) this.refused++;
        let text = '';
        response.on('error', end).on('close', end);
        response.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
          const blocks = text.split('\n\n');
          text = blocks.pop()!;
          for (const block of blocks) this.#take(block);
        });
      });
      sent.end();
    });
  }

  #take(block: string): void {
    const id = /^id: (.+)$/m.exec(block)?.[1];
    if (id === undefined) return;
    this.#id = id;
    if (block.includes('\nevent: reset\n')) {
      this.resets++;
      this.lastStep = undefined;
    }
    if (!block.includes('\nevent: step\n')) return;
    const step = Number(/"step":(\d+)/.exec(block)![1]);
    this.lines++;
    if (this.lastStep !== undefined) {
      if (step <= this.lastStep) this.doubled++;
      else this.missed += step - this.lastStep - 1;
    }
    this.lastStep = step;
  }

  end(): void {
    this.#ended = true;
    this.#request?.destroy();
  }
}

/** CPU seconds used by a process; undefined without /proc. */
function cpuSeconds(pid: number | undefined): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return undefined;
  }
}

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
