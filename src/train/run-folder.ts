import { appendFileSync, existsSync, statSync } from 'node:fs';
import { appendFile, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { z } from 'zod';
import { diskError } from '../disk-error.js';
import { CheckpointError, UsageError } from '../errors.js';
import { makeFolder } from '../make-folder.js';
import { writeFileAtomic } from './atomic.js';
import { insightSchema, metricsSchema } from './event-lines.js';
import type { Insight, LogLine } from './events.js';
import { rewindKernels } from './kernels.js';
import { isBefore, type Place, parseLines, parseRunFile, type RunState, stateSchema } from './run-files.js';

export type { RunState } from './run-files.js';

/** Checkpoints to resume from that are kept, beside the best weights. */
const KEEP = 2;

/** Files that grow by a line at a time. */
const LOGS = { metrics: 'metrics.jsonl', log: 'log.jsonl', insights: 'insights.jsonl' } as const;

/**
 * A run on disk: `config.json`, `metrics.jsonl`, `log.jsonl`, `insights.jsonl`, `state.json`, `checkpoints/` and
 * `kernels/`. `process.json` and `control.json` are the running process's own (`process-file.ts`, `control.ts`).
 */
export class RunFolder {
  private constructor(readonly path: string) {}

  /**
   * Makes the folder of a new run and writes its configuration.
   * @throws UsageError when there is a run already; CheckpointError when the folder cannot be written
   */
  static async create(path: string, config: unknown): Promise<RunFolder> {
    if (existsSync(join(path, 'config.json')))
      throw new UsageError({
        what: `There is a run in ${path} already`,
        expected: 'a new folder, so that nothing is overwritten',
        got: 'a folder with a config.json',
        next: `continue it with --resume --run ${path}, or choose another --run`,
      });
    try {
      await makeFolder(join(path, 'checkpoints'));
    } catch (error) {
      throw diskError(error, `cannot make the run folder ${path}`, CheckpointError);
    }
    const folder = new RunFolder(path);
    await folder.writeConfig(config);
    await folder.writeState({ version: 1 });
    return folder;
  }

  /** @throws UsageError when there is no run */
  static open(path: string): RunFolder {
    if (existsSync(join(path, 'config.json'))) return new RunFolder(path);
    throw new UsageError({
      what: `${path} is not a run folder`,
      expected: 'a folder with a config.json, as train makes it',
      got: existsSync(path) ? 'a folder without one' : 'nothing there',
      next: 'check the path; runs are in ./runs unless --run named another place',
    });
  }

  /** Reads and checks the configuration. */
  async config<T>(schema: z.ZodType<T>): Promise<T> {
    return this.#read('config.json', schema);
  }

  async state(): Promise<RunState> {
    if (!existsSync(join(this.path, 'state.json'))) return { version: 1 };
    return this.#read('state.json', stateSchema);
  }

  async #read<T>(name: string, schema: z.ZodType<T>): Promise<T> {
    const file = join(this.path, name);
    const text = await readFile(file, 'utf8').catch((error) => {
      throw diskError(error, `cannot read ${file}`, CheckpointError);
    });
    return parseRunFile(file, text, schema);
  }

  async writeConfig(config: unknown): Promise<void> {
    await writeFileAtomic(join(this.path, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  }

  async writeState(state: RunState): Promise<void> {
    await writeFileAtomic(join(this.path, 'state.json'), `${JSON.stringify(state, null, 2)}\n`);
  }

  /** @param name from `state()`; anything that is not a plain file name is refused */
  checkpoint(name: string): string {
    if (name === '' || name !== basename(name) || name.startsWith('.'))
      throw new CheckpointError({
        what: `${join(this.path, 'state.json')} names a file outside of the run`,
        expected: 'the name of a file in checkpoints/',
        got: name || 'an empty one',
        next: 'restore the file from a copy, or start a new run',
      });
    return join(this.path, 'checkpoints', name);
  }

  /** The checkpoint before another one, for when that turns out to be broken. */
  async checkpointBefore(name: string): Promise<string | undefined> {
    return (await this.#steps()).filter((file) => file < name).at(-1);
  }

  /** Checkpoints to resume from, the oldest first. */
  async #steps(): Promise<string[]> {
    const files = await readdir(join(this.path, 'checkpoints'));
    return files.filter((file) => file.startsWith('step-')).sort();
  }

  /** Removes checkpoints that neither the state nor the last few need. */
  async prune(state: RunState): Promise<void> {
    const folder = join(this.path, 'checkpoints');
    for (const file of (await this.#steps()).slice(0, -KEEP))
      if (file !== state.latest) await rm(join(folder, file), { force: true });
    for (const file of (await readdir(folder)).filter((f) => f.startsWith('best-')))
      if (file !== state.best?.file) await rm(join(folder, file), { force: true });
  }

  /** Adds a line to the metrics. */
  async log(entry: object): Promise<void> {
    await this.#append(LOGS.metrics, entry);
  }

  /** Adds a line to the insights. */
  async logInsight(insight: Insight): Promise<void> {
    await this.#append(LOGS.insights, insight);
  }

  async #append(name: string, entry: object): Promise<void> {
    const file = join(this.path, name);
    try {
      await appendFile(file, `${JSON.stringify(entry)}\n`);
    } catch (error) {
      throw diskError(error, `cannot write ${file}`, CheckpointError);
    }
  }

  /** Remembers what was said to people. At once, since such lines come from places that do not wait. */
  say(line: LogLine): void {
    const file = join(this.path, LOGS.log);
    try {
      appendFileSync(file, `${JSON.stringify(line)}\n`);
    } catch (error) {
      throw diskError(error, `cannot write ${file}`, CheckpointError);
    }
  }

  /** Metrics so far; what is not a whole line of them, as after a sudden end, is left out. */
  async metrics(): Promise<Record<string, unknown>[]> {
    return this.#lines(LOGS.metrics, metricsSchema);
  }

  /** Insights so far, as {@link metrics}. */
  async insights(): Promise<Insight[]> {
    return (await this.#lines(LOGS.insights, insightSchema)) as unknown as Insight[];
  }

  async #lines(name: string, schema: z.ZodType): Promise<Record<string, unknown>[]> {
    const file = join(this.path, name);
    if (!existsSync(file)) return [];
    return parseLines(await readFile(file, 'utf8'), schema);
  }

  /**
   * Drops what was logged after the place that a resumed run starts from, so that nothing stands there twice.
   *
   * @param place steps that are done, and whole epochs
   */
  async rewind(place: Place): Promise<void> {
    for (const name of Object.values(LOGS)) await this.#rewind(join(this.path, name), place);
    await rewindKernels(this.path, place.step);
  }

  async #rewind(file: string, place: Place): Promise<void> {
    if (!existsSync(file)) return;
    try {
      let end = 0;
      for (const line of (await readFile(file, 'utf8')).split('\n').slice(0, -1)) {
        if (!isBefore(line, place)) break;
        end += Buffer.byteLength(line) + 1;
      }
      await truncate(file, end);
    } catch (error) {
      throw diskError(error, `cannot write ${file}`, CheckpointError);
    }
  }
}

/** The youngest run below a folder, for `--resume` without a name. */
export async function latestRun(root: string): Promise<string | undefined> {
  if (!existsSync(root)) return undefined;
  const names = (await readdir(root)).filter((name) => existsSync(join(root, name, 'config.json')));
  // Not by name: only those that nobody chose sort by time.
  const started = (name: string) => statSync(join(root, name, 'config.json')).mtimeMs;
  const youngest = names.sort((a, b) => started(a) - started(b) || (a < b ? -1 : 1)).at(-1);
  return youngest && join(root, youngest);
}
