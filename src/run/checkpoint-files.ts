import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CheckpointError } from '../errors/errors.js';
import { syncFolder } from '../files/atomic.js';
import { diskError } from '../files/disk-error.js';
import { rename } from '../files/rename.js';
import { removeOld } from '../files/system/remove.js';
import { systemCode } from '../files/transient-error.js';
import type { RunState } from './run-files.js';

/** Number of checkpoints to keep for resuming, besides the best weights. */
const KEEP = 2;
const STEP = /^step-\d+\.safetensors$/;
const BEST = /^best-\d+\.safetensors$/;
const DAMAGED = '.damaged';

const stepOf = (file: string): number => Number(/\d+/.exec(file)?.[0]);

/** The files in a run's `checkpoints/`: lists, renames and removes them. */
export class CheckpointFiles {
  readonly #folder: string;

  constructor(readonly run: string) {
    this.#folder = join(run, 'checkpoints');
  }

  /** @param name from `state()` @throws CheckpointError unless it is a plain file name */
  file(name: string): string {
    if (name === '' || name !== basename(name) || name.startsWith('.'))
      throw new CheckpointError({
        what: `${join(this.run, 'state.json')} names a file outside of the run`,
        expected: 'the name of a file in checkpoints/',
        got: name || 'an empty one',
        next: 'restore the file from a copy, or start a new run',
      });
    return join(this.#folder, name);
  }

  /** Names of the existing checkpoints to resume from, the oldest first. */
  async steps(): Promise<string[]> {
    return (await this.#files()).filter((file) => STEP.test(file)).sort();
  }

  /** Names of checkpoints that were marked as damaged. */
  async damaged(): Promise<string[]> {
    return (await this.#files()).filter((file) => file.endsWith(DAMAGED)).sort();
  }

  async #files(): Promise<string[]> {
    try {
      return await readdir(this.#folder);
    } catch (error) {
      if (systemCode(error) === 'ENOENT')
        throw new CheckpointError({
          what: `${this.#folder} is missing`,
          expected: 'the folder with the checkpoints of the run',
          next: 'restore it from a copy, or start a new run',
          cause: error,
        });
      throw diskError(error, `cannot read ${this.#folder}`, CheckpointError);
    }
  }

  /**
   * Renames a damaged checkpoint, so that it is not used but can still be inspected.
   * @returns its new name; undefined if it does not exist
   */
  async setAside(name: string): Promise<string | undefined> {
    const file = this.file(name);
    try {
      await rename(file, file + DAMAGED);
      await syncFolder(this.#folder);
      return name + DAMAGED;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw diskError(error, `cannot rename ${file}`, CheckpointError);
    }
  }

  /** Removes checkpoints that are neither referenced by the state nor among the last few. */
  async prune({ latest, best }: RunState): Promise<void> {
    const steps = await this.steps();
    const keep = new Set([...steps.slice(-KEEP), latest, best?.file]);
    const bests = (await this.#files()).filter((file) => BEST.test(file)).sort();
    // Keep the best weights that belong to each kept checkpoint, for a run that resumes from it.
    for (const step of steps.filter((file) => keep.has(file)))
      keep.add(bests.findLast((file) => stepOf(file) <= stepOf(step)));
    for (const file of [...steps, ...bests]) if (!keep.has(file)) await removeOld(join(this.#folder, file));
  }
}
