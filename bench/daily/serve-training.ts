import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startDashboard } from '../dashboard.js';
import { Client, cpuSeconds } from './event-clients.js';

/*
 * How much a training is slowed by many clients that follow it, measured by processor time, which other work on the
 * machine hardly changes: in turns with and without clients, the processor time of a step of the training, and that of the
 * server, which takes it from a training that uses all cores.
 *   npm run build && node dist/bench/daily/serve-training.js --clients 50 --seconds 20 --rounds 4 --preset notes
 * Prints one JSON object.
 */
const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '4' },
    preset: { type: 'string', default: 'notes' },
  },
});
const [count, seconds, rounds] = [Number(values.clients), Number(values.seconds), Number(values.rounds)];
const RUN = 'training';

const root = mkdtempSync(join(tmpdir(), 'paperweight-bench-'));
const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const flags = ['--preset', values.preset, '--dataset', 'shapes10', '--epochs', '1000', '--eval-limit', '1'];
const training = spawn(process.execPath, [main, 'train', ...flags, '--run', join(root, RUN)], {
  stdio: ['ignore', 'ignore', 'inherit'],
});

/** Completed steps, by the lines of the run. */
function stepsDone(): number {
  try {
    return readFileSync(join(root, RUN, 'metrics.jsonl'), 'utf8').split('"event":"step"').length - 1;
  } catch {
    return 0;
  }
}

interface Turn {
  readonly steps: number;
  readonly trainingSeconds: number;
  readonly serverSeconds: number;
  readonly seconds: number;
  readonly lines: number;
}

/** Steps and processor times over whole steps. */
async function turn(clients: number, address: string, serverPid: number): Promise<Turn> {
  const url = new URL(`/api/runs/${RUN}/events?after=0`, address);
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  const all = Array.from({ length: clients }, () => new Client(url, agent));
  const running = all.map((client) => client.run());
  // Without the first answers, which hold all lines so far.
  await sleep(2000);
  const received = () => all.reduce((sum, { lines }) => sum + lines, 0);
  const next = async (): Promise<number> => {
    const before = stepsDone();
    while (stepsDone() === before) await sleep(20);
    return stepsDone();
  };
  const first = await next();
  const before = { training: cpuSeconds(training.pid)!, server: cpuSeconds(serverPid)!, lines: received() };
  const began = performance.now();
  await sleep(1000 * seconds);
  const last = await next();
  const result = {
    steps: last - first,
    trainingSeconds: cpuSeconds(training.pid)! - before.training,
    serverSeconds: cpuSeconds(serverPid)! - before.server,
    lines: received() - before.lines,
    seconds: (performance.now() - began) / 1000,
  };
  for (const client of all) client.end();
  await Promise.all(running);
  return result;
}

const { server, address } = await startDashboard(root);
try {
  while (stepsDone() < 3) await sleep(200);
  const [without, with_]: [Turn[], Turn[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    without.push(await turn(0, address, server.pid!));
    with_.push(await turn(count, address, server.pid!));
  }
  const sum = (turns: readonly Turn[], pick: (turn: Turn) => number) =>
    turns.reduce((total, each) => total + pick(each), 0);
  const aStep = (turns: readonly Turn[], pick: (turn: Turn) => number) =>
    sum(turns, pick) / sum(turns, ({ steps }) => steps);
  const step = {
    without: aStep(without, (t) => t.trainingSeconds),
    with: aStep(with_, (t) => t.trainingSeconds),
  };
  const server_ = {
    without: aStep(without, (t) => t.serverSeconds),
    with: aStep(with_, (t) => t.serverSeconds),
  };
  const aSecond = (turns: readonly Turn[]) =>
    sum(turns, (t) => t.serverSeconds) / sum(turns, (t) => t.seconds) / availableParallelism();
  const percent = (part: number) => Number(((100 * part) / step.without).toFixed(2));
  console.log(
    JSON.stringify({
      preset: values.preset,
      clients: count,
      cores: availableParallelism(),
      steps: sum([...without, ...with_], ({ steps }) => steps),
      linesReceived: sum(with_, ({ lines }) => lines),
      processorSecondsOfStep: step,
      processorSecondsOfServerForStep: server_,
      // The extra processor time of training, the server's per step, and the server's share of the whole machine. The
      // server polls for new lines at fixed intervals, so its cost does not grow when steps are fast.
      trainingPercent: percent(step.with - step.without),
      serverPercentOfStep: percent(server_.with - server_.without),
      serverPercentOfMachine: Number((100 * (aSecond(with_) - aSecond(without))).toFixed(2)),
    }),
  );
} finally {
  training.kill('SIGINT');
  server.kill('SIGINT');
  await Promise.all([once(training, 'exit'), once(server, 'exit')]);
  rmSync(root, { recursive: true, force: true });
}
