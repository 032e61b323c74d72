import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { LineFile } from '../files/line-file.js';

/** File of a run with figures of its machine. */
export const MACHINE_FILE = 'machine.jsonl';
const EVERY_MS = 5000;
const FIRST_MS = 1000;
const MIB = 2 ** 20;
/** Time limit of nvidia-smi. */
const GPU_MS = 4000;

/** Counters that only rise. */
interface Counters {
  readonly time: number;
  readonly busy: number;
  readonly all: number;
  readonly own: number;
  readonly read?: number;
  readonly written?: number;
  readonly received?: number;
  readonly sent?: number;
}

/** A line of `machine.jsonl`. Rates are means since the line before. */
export interface MachineLine {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Percent of all processors, of all programs. */
  readonly cpu: number;
  /** Processors that this process keeps busy. */
  readonly processCpu: number;
  readonly rssMiB: number;
  /** Percent of the machine's memory. */
  readonly memory: number;
  /** MiB per second of this process, if the system reports it. */
  readonly diskRead?: number;
  readonly diskWrite?: number;
  /** MiB per second of the machine, without its own address. */
  readonly netIn?: number;
  readonly netOut?: number;
  /** Percent, of the busiest graphics card. */
  readonly gpu?: number;
  readonly gpuMiB?: number;
}

/** Writes figures of the machine into a run's folder every few seconds. Costs a few reads of /proc each time. */
export class MachineLog {
  readonly #file: LineFile;
  #timer: NodeJS.Timeout | undefined;
  #before: Counters | undefined;
  #stopped = false;

  private constructor(folder: string) {
    this.#file = new LineFile(join(folder, MACHINE_FILE));
    // A figure that cannot be measured must not stop a run.
    this.#file.onMessage = () => {};
  }

  static start(folder: string): MachineLog {
    const log = new MachineLog(folder);
    void log.#look(FIRST_MS);
    return log;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #look(again = EVERY_MS): Promise<void> {
    try {
      const now = await counters();
      if (this.#before && !this.#stopped) this.#file.append(lineOf(this.#before, now, await gpu()));
      this.#before = now;
    } catch {
      // A figure that cannot be read is missing from the charts.
    }
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#look(), again).unref();
  }
}

async function counters(): Promise<Counters> {
  const times = cpus().map((cpu) => cpu.times);
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const idle = sum(times.map((each) => each.idle));
  const all = sum(times.map((each) => sum(Object.values(each))));
  const { user, system } = process.cpuUsage();
  return {
    time: Date.now(),
    busy: all - idle,
    all,
    own: (user + system) / 1000,
    ...(await diskBytes()),
    ...(await netBytes()),
  };
}

async function diskBytes(): Promise<Pick<Counters, 'read' | 'written'>> {
  const text = await readFile('/proc/self/io', 'utf8').catch(() => '');
  const of = (name: string): number | undefined => {
    const match = new RegExp(`^${name}: (\\d+)$`, 'm').exec(text);
    return match ? Number(match[1]) : undefined;
  };
  const [read, written] = [of('read_bytes'), of('write_bytes')];
  return { ...(read === undefined ? {} : { read }), ...(written === undefined ? {} : { written }) };
}

async function netBytes(): Promise<Pick<Counters, 'received' | 'sent'>> {
  const text = await readFile('/proc/net/dev', 'utf8').catch(() => '');
  return text === '' ? {} : parseNetBytes(text);
}

/** Bytes of all interfaces but the loopback, from `/proc/net/dev`. */
export function parseNetBytes(text: string): { readonly received: number; readonly sent: number } {
  let [received, sent] = [0, 0];
  for (const line of text.split('\n')) {
    const [name, rest] = line.split(':');
    if (rest === undefined || name!.trim() === 'lo') continue;
    const fields = rest.trim().split(/\s+/).map(Number);
    received += fields[0] ?? 0;
    sent += fields[8] ?? 0;
  }
  return { received, sent };
}

/** The busiest graphics card of NVIDIA's driver, if there is one. */
async function gpu(): Promise<Pick<MachineLine, 'gpu' | 'gpuMiB'>> {
  if (!existsSync('/proc/driver/nvidia')) return {};
  const query = ['--query-gpu=utilization.gpu,memory.used', '--format=csv,noheader,nounits'];
  const text = await new Promise<string>((resolve) => {
    execFile('nvidia-smi', query, { timeout: GPU_MS }, (error, out) => resolve(error ? '' : out));
  });
  return parseGpu(text);
}

export function parseGpu(text: string): Pick<MachineLine, 'gpu' | 'gpuMiB'> {
  const cards = text.split('\n').flatMap((line) => {
    const [busy, used] = line.split(',').map((part) => Number.parseFloat(part));
    return Number.isFinite(busy) && Number.isFinite(used) ? [{ gpu: busy!, gpuMiB: used! }] : [];
  });
  return cards.length === 0 ? {} : cards.reduce((most, card) => (card.gpu > most.gpu ? card : most));
}

/** Rates between two states of the counters. */
export function lineOf(
  before: Counters,
  now: Counters,
  card: Pick<MachineLine, 'gpu' | 'gpuMiB'>,
): MachineLine {
  const seconds = Math.max(1e-3, (now.time - before.time) / 1000);
  const round = (value: number): number => Number(value.toPrecision(4));
  const rate = (name: string, a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined ? {} : { [name]: round(Math.max(0, b - a) / MIB / seconds) };
  return {
    time: now.time,
    cpu: round(Math.min(100, (100 * (now.busy - before.busy)) / Math.max(1, now.all - before.all))),
    processCpu: round((now.own - before.own) / 1000 / seconds),
    rssMiB: round(process.memoryUsage.rss() / MIB),
    memory: round(100 * (1 - freemem() / totalmem())),
    ...rate('diskRead', before.read, now.read),
    ...rate('diskWrite', before.written, now.written),
    ...rate('netIn', before.received, now.received),
    ...rate('netOut', before.sent, now.sent),
    ...card,
  };
}
