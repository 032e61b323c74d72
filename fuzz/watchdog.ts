import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

/** Longest input that is remembered, and how many: some targets read several at a time. */
const ROOM = 2 ** 20;
const KEPT = 4;
/**
 * With so much processor time for one input, or without a new one for so long, it is taken to never end. On a machine
 * that is busy otherwise, time passes in which nothing happens here.
 */
const STUCK = { cpuMs: 10_000, waitMs: 120_000 };
const LOOK_MS = 500;
/** Words of the shared state: how many inputs there were, then the length of each that is kept. */
const [COUNT, LENGTHS] = [0, 1];

export const nameOf = (input: Uint8Array): string =>
  createHash('sha256').update(input).digest('hex').slice(0, 12);

/** Where failures are kept until somebody has looked at them. */
export function keep(folder: string, target: string, kind: string, input: Uint8Array): string {
  mkdirSync(join(folder, target), { recursive: true });
  const file = join(folder, target, `${kind}-${nameOf(input)}`);
  writeFileSync(file, input);
  return file;
}

/** Starts a thread that ends the process when an input never ends, and keeps the last ones: it is among them. */
export function startWatchdog(folder: string, target: string): (input: Uint8Array) => void {
  const [state, bytes] = [
    new Int32Array(new SharedArrayBuffer(4 * (LENGTHS + KEPT))),
    new Uint8Array(new SharedArrayBuffer(KEPT * ROOM)),
  ];
  new Worker(new URL(import.meta.url), { workerData: { state, bytes, folder, target } }).unref();
  return (input) => {
    const slot = state[COUNT]! % KEPT;
    bytes.set(input.subarray(0, ROOM), slot * ROOM);
    state[LENGTHS + slot] = Math.min(input.length, ROOM);
    Atomics.add(state, COUNT, 1);
  };
}

if (!isMainThread && workerData?.state) {
  const { state, bytes, folder, target } = workerData as {
    state: Int32Array;
    bytes: Uint8Array;
    folder: string;
    target: string;
  };
  const cpu = () => Object.values(process.cpuUsage()).reduce((a, b) => a + b, 0) / 1000;
  let [count, since, used] = [-1, performance.now(), cpu()];
  setInterval(() => {
    const now = Atomics.load(state, COUNT);
    if (now !== count) [count, since, used] = [now, performance.now(), cpu()];
    else if (cpu() - used > STUCK.cpuMs || performance.now() - since > STUCK.waitMs) {
      for (let slot = 0; slot < Math.min(now, KEPT); slot++) {
        const input = bytes.subarray(slot * ROOM, slot * ROOM + state[LENGTHS + slot]!);
        const file = keep(folder, target, 'hang', Uint8Array.from(input));
        process.stderr.write(`${target}: an input does not end, and may be ${file}\n`);
      }
      process.kill(process.pid, 'SIGKILL');
    }
  }, LOOK_MS);
}
