import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

/** Longest input that is remembered. */
const ROOM = 2 ** 20;
/** Without a new input for so long, the one that is being read is taken to never end. */
const STUCK_MS = 20_000;
const LOOK_MS = 500;
const [COUNT, LENGTH] = [0, 1];

export const nameOf = (input: Uint8Array): string =>
  createHash('sha256').update(input).digest('hex').slice(0, 12);

/** Where failures are kept until somebody has looked at them. */
export function keep(folder: string, target: string, kind: string, input: Uint8Array): string {
  mkdirSync(join(folder, target), { recursive: true });
  const file = join(folder, target, `${kind}-${nameOf(input)}`);
  writeFileSync(file, input);
  return file;
}

/** Starts a thread that ends the process when an input never ends, and keeps that input. */
export function startWatchdog(folder: string, target: string): (input: Uint8Array) => void {
  const [state, bytes] = [
    new Int32Array(new SharedArrayBuffer(8)),
    new Uint8Array(new SharedArrayBuffer(ROOM)),
  ];
  new Worker(new URL(import.meta.url), { workerData: { state, bytes, folder, target } }).unref();
  return (input) => {
    bytes.set(input.subarray(0, ROOM));
    state[LENGTH] = Math.min(input.length, ROOM);
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
  let [count, since] = [-1, performance.now()];
  setInterval(() => {
    const now = Atomics.load(state, COUNT);
    if (now !== count) [count, since] = [now, performance.now()];
    else if (performance.now() - since > STUCK_MS) {
      const file = keep(folder, target, 'hang', Uint8Array.from(bytes.subarray(0, state[LENGTH]!)));
      process.stderr.write(`${target}: an input does not end; it is in ${file}\n`);
      process.kill(process.pid, 'SIGKILL');
    }
  }, LOOK_MS);
}
