import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

/** Maximum length and number of the recorded inputs: some targets read several in parallel. */
const ROOM = 2 ** 20;
const KEPT = 4;
/**
 * An input counts as hanging after this CPU time, or if no new input starts within `waitMs`. (On a busy machine, wall time
 * passes without progress.)
 */
const STUCK = { cpuMs: 10_000, waitMs: 120_000 };
const LOOK_MS = 500;
/** Words of the shared state: the number of inputs so far, then the lengths of the recorded inputs. */
const [COUNT, LENGTHS] = [0, 1];

export const nameOf = (input: Uint8Array): string =>
  createHash('sha256').update(input).digest('hex').slice(0, 12);

/** Saves a failing input. @returns its path */
export function keep(folder: string, target: string, kind: string, input: Uint8Array): string {
  mkdirSync(join(folder, target), { recursive: true });
  const file = join(folder, target, `${kind}-${nameOf(input)}`);
  writeFileSync(file, input);
  return file;
}

/** Starts a thread that ends the process if an input hangs, and saves the last inputs, one of which hangs. */
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
        process.stderr.write(`${target}: an input hangs; it may be ${file}\n`);
      }
      process.kill(process.pid, 'SIGKILL');
    }
  }, LOOK_MS);
}
