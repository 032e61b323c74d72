import { existsSync, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { counted } from '../errors/counted.js';
import { CheckpointError, UsageError } from '../errors/errors.js';
import { printable } from '../errors/printable.js';
import { shellWord } from '../errors/shell-word.js';
import { temporaryFor, writeFileAtomic } from '../files/atomic.js';
import { jsonWithChecksum, verifyJson } from '../files/checksum.js';
import { diskError } from '../files/disk-error.js';
import { LineFile } from '../files/line-file.js';
import { type RunLock, takeLock } from '../files/lock.js';
import { makeFolder } from '../files/make-folder.js';
import { removeOld } from '../files/system/remove.js';
import { isTransient } from '../files/transient-error.js';
import { CheckpointFiles } from './checkpoint-files.js';
import { insightSchema, metricsSchema } from './event-lines.js';
import type { Insight, LogLine } from './events.js';
import { rewindKernels } from './kernel-files.js';
import {
  isBefore,
  type Place,
  parseLines,
  parseRunFile,
  type RunState,
  refuseForeign,
  refuseOddName,
  stateSchema,
} from './run-files.js';
import { rewindSamples } from './sample-files.js';

export type { RunState } from './run-files.js';

const RESTORE = 'restore the file from a copy, or start a new run';
const REBUILD = 'resume the run (train --resume), which rebuilds the file from the checkpoints';
/** Files of a run written by other processes. */
const OTHERS = new Set(['label.json', 'control.json']);

/**
 * A run on disk: `config.json`, `metrics.jsonl`, `log.jsonl`, `insights.jsonl`, `state.json`, `checkpoints/`,
 * `kernels/` and `samples/`. For `process.json` and `control.json` see `process-file.ts` and `control.ts`.
 */
export class RunFolder {
  readonly #logs: Readonly<Record<'metrics' | 'log' | 'insights', LineFile>>;
  /** The files in `checkpoints/`. */
  readonly checkpoints: CheckpointFiles;
  #lock: RunLock | undefined;
  #tell: ((text: string) => void) | undefined;

  protected constructor(readonly path: string) {
    this.checkpoints = new CheckpointFiles(path);
    const file = (name: string) => new LineFile(join(path, `${name}.jsonl`));
    this.#logs = { metrics: file('metrics'), log: file('log'), insights: file('insights') };
  }

  /** @throws UsageError if the folder already has a run, or its name has control characters */
  static checkNew(path: string): void {
    refuseOddName(path);
    refuseTaken(path);
  }

  /**
   * Creates the folder of a new run and writes its configuration.
   * @throws UsageError if the folder already has a run; CheckpointError if it cannot be written
   */
  static async create(path: string, config: object): Promise<RunFolder> {
    RunFolder.checkNew(path);
    try {
      await makeFolder(join(path, 'checkpoints'));
    } catch (error) {
      throw diskError(error, `cannot make the run folder ${path}`, CheckpointError);
    }
    const folder = new RunFolder(path);
    await folder.lock();
    try {
      // Another process may have created a run here in the meantime.
      refuseTaken(path);
      await folder.writeState({ version: 1 });
      await folder.writeConfig(config);
    } finally {
      await folder.unlock();
    }
    return folder;
  }

  /** @throws UsageError if the folder is not a run, or that of another program */
  static open(path: string): RunFolder {
    refuseForeign(path);
    if (existsSync(join(path, 'config.json'))) return new RunFolder(path);
    throw new UsageError({
      what: `${path} is not a run folder`,
      expected: 'a folder with a config.json, as created by train',
      got: existsSync(path) ? 'a folder without one' : 'nothing there',
      next: 'check the path; runs are in ./runs unless --run named another folder',
    });
  }

  /** Reads and validates the configuration. */
  async config<T>(schema: z.ZodType<T>): Promise<T> {
    return this.#read('config.json', schema);
  }

  /** @throws CheckpointError if the file is damaged, or missing although there are checkpoints */
  async state(): Promise<RunState> {
    const file = join(this.path, 'state.json');
    if (existsSync(file)) return this.#read('state.json', stateSchema, REBUILD);
    if ((await this.checkpoints.steps()).length === 0) return { version: 1 };
    throw new CheckpointError({
      what: `${file} is missing`,
      expected: 'the file beside the checkpoints',
      next: REBUILD,
    });
  }

  async #read<T>(name: string, schema: z.ZodType<T>, next = RESTORE): Promise<T> {
    const file = join(this.path, name);
    const bytes = await readFile(file).catch((error) => {
      throw diskError(error, `cannot read ${file}`, CheckpointError);
    });
    verifyJson(file, bytes, name === 'state.json' ? REBUILD : undefined);
    return parseRunFile(file, bytes.toString(), schema, next);
  }

  async writeConfig(config: object): Promise<void> {
    await writeFileAtomic(join(this.path, 'config.json'), jsonWithChecksum(config));
  }

  async writeState(state: RunState): Promise<void> {
    await writeFileAtomic(join(this.path, 'state.json'), jsonWithChecksum(state));
  }

  /** Appends a line to the metrics. */
  async log(entry: object): Promise<void> {
    this.#logs.metrics.append(entry);
  }

  /** Appends a line to the insights. */
  async logInsight(insight: Insight): Promise<void> {
    this.#logs.insights.append(insight);
  }

  /** Appends a message to log.jsonl. */
  say(line: LogLine): void {
    this.#logs.log.append(line);
  }

  /** Reads the metrics; lines that are not valid, such as one truncated by a crash, are skipped. */
  async metrics(): Promise<Record<string, unknown>[]> {
    return parseLines(this.#logs.metrics.text(), metricsSchema);
  }

  /** Reads the insights, like {@link metrics}. */
  async insights(): Promise<Insight[]> {
    return parseLines(this.#logs.insights.text(), insightSchema) as unknown as Insight[];
  }

  /** From now on lines that cannot be written are buffered and reported to `tell`; see {@link LineFile}. */
  onTrouble(tell: (text: string) => void): void {
    this.#tell = tell;
    for (const log of Object.values(this.#logs)) log.onMessage = tell;
  }

  /**
   * Writes a file that is not essential. A temporary disk error is reported instead of thrown.
   * @returns undefined if the file could not be written
   */
  async spare<T>(write: () => Promise<T>): Promise<T | undefined> {
    try {
      return await write();
    } catch (error) {
      if (!this.#tell || !isTransient(error)) throw error;
      this.#tell(`${(error as Error).message}\nThe run continues without this file.`);
      return undefined;
    }
  }

  /** Syncs all lines to disk. */
  syncLogs(): void {
    for (const log of Object.values(this.#logs)) log.sync();
  }

  /**
   * Removes lines logged after the position from which a run resumes, since those steps are repeated, and lines that
   * cannot be read.
   *
   * @param place number of completed steps and epochs
   * @returns messages for the user about lost lines
   */
  async rewind(place: Place): Promise<string[]> {
    let unreadable = 0;
    for (const log of Object.values(this.#logs))
      unreadable += await log.keep((line) => isBefore(line, place));
    await rewindKernels(this.path, place.step);
    await rewindSamples(this.path, place.step);
    const dropped = `${counted(unreadable, 'line')} of the run's logs could not be read and ${unreadable === 1 ? 'was' : 'were'} removed.`;
    return [...(unreadable > 0 ? [dropped] : []), ...missingAtEnd(await this.metrics(), place)];
  }

  /**
   * Locks the run against training by other processes until {@link unlock} or the end of this process, and removes
   * temporary files of killed processes.
   *
   * @throws UsageError if another process trains here; CheckpointError if the folder cannot be written
   */
  async lock(): Promise<void> {
    if (this.#lock) return;
    this.#lock = await takeLock(this.path);
    for (const folder of ['.', 'checkpoints', 'kernels', 'samples'])
      await this.#removeLeftovers(join(this.path, folder));
  }

  /** Whether the lock is held, at least on this machine. */
  get isLocked(): boolean {
    return this.#lock !== undefined && this.#lock.kind !== 'none';
  }

  async unlock(): Promise<void> {
    await this.#lock?.release();
    this.#lock = undefined;
  }

  async #removeLeftovers(folder: string): Promise<void> {
    for (const name of await readdir(folder).catch(() => [])) {
      const whole = temporaryFor(name);
      // The server of the dashboard may be writing its own files right now.
      if (whole && !OTHERS.has(whole)) await removeOld(join(folder, name));
    }
  }
}

/**
 * Describes metrics that are missing before the position of a checkpoint, for example because the last line was
 * truncated. Those steps are not repeated.
 */
function missingAtEnd(metrics: readonly Record<string, unknown>[], { step, epoch }: Place): string[] {
  const last = (key: string, ...events: string[]): number =>
    metrics.reduce(
      (most, line) => (events.includes(String(line.event)) ? Math.max(most, Number(line[key])) : most),
      0,
    );
  const missing = (what: string, from: number, to: number): string[] => {
    if (from >= to) return [];
    const which = to - from === 1 ? `${what} ${to}` : `${what}s ${from + 1} to ${to}`;
    return [`metrics.jsonl has lost its end: ${which} will be missing from the curves.`];
  };
  return [
    ...missing('step', last('step', 'step', 'skip', 'rollback'), step),
    ...missing('epoch', last('epoch', 'epoch'), epoch),
  ];
}

function refuseTaken(path: string): void {
  if (!existsSync(join(path, 'config.json'))) return;
  throw new UsageError({
    what: `There is a run in ${path} already`,
    expected: 'a new folder, so that nothing is overwritten',
    got: 'a folder with a config.json',
    next: `continue it with --resume --run ${shellWord(printable(path))}, or choose another --run`,
  });
}

/** The latest run below a folder, for `--resume` without a name. */
export async function latestRun(root: string): Promise<string | undefined> {
  if (!existsSync(root)) return undefined;
  const names = (await readdir(root)).filter((name) => existsSync(join(root, name, 'config.json')));
  // Not by name: names chosen by the user do not sort by time.
  const started = (name: string) => statSync(join(root, name, 'config.json')).mtimeMs;
  const latest = names.sort((a, b) => started(a) - started(b) || (a < b ? -1 : 1)).at(-1);
  return latest && join(root, latest);
}
