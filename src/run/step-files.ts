import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from '../errors/errors.js';
import { diskError } from '../files/disk-error.js';
import { makeFolder } from '../files/make-folder.js';
import { removeOld } from '../files/system/remove.js';
import type { FileArray } from '../interop/numbers.js';
import { readSafetensors, type SafetensorsFile, writeSafetensors } from '../interop/safetensors/checked.js';

const NAME = /^step-(\d{8,12})\.safetensors$/;

/** Safetensors files of a run for some of its steps, in a folder of their own. */
export class StepFiles {
  /** @param keep maximum number of files */
  constructor(
    readonly folder: string,
    readonly keep: number,
  ) {}

  file(run: string, step: number): string {
    return join(run, this.folder, `step-${String(step).padStart(8, '0')}.safetensors`);
  }

  /** Steps with a file, ascending. */
  async steps(run: string): Promise<number[]> {
    const folder = join(run, this.folder);
    if (!existsSync(folder)) return [];
    return (await readdir(folder))
      .flatMap((name) => NAME.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** Writes a file; removes some earlier ones if there are too many. */
  async write(run: string, step: number, tensors: ReadonlyMap<string, FileArray>): Promise<void> {
    const folder = join(run, this.folder);
    try {
      await makeFolder(folder);
    } catch (error) {
      throw diskError(error, `cannot make ${folder}`, CheckpointError);
    }
    await writeSafetensors(this.file(run, step), tensors);
    await this.#remove(run, stepsToDrop(await this.steps(run), this.keep));
  }

  /** @throws CheckpointError if the file is missing or damaged */
  read(run: string, step: number): Promise<SafetensorsFile> {
    return readSafetensors(this.file(run, step));
  }

  /** Removes the files of steps that a resumed run repeats. */
  async rewind(run: string, step: number): Promise<void> {
    await this.#remove(
      run,
      (await this.steps(run)).filter((one) => one > step),
    );
  }

  async #remove(run: string, steps: readonly number[]): Promise<void> {
    for (const step of steps) await removeOld(this.file(run, step));
  }
}

/** Chooses steps to remove so that `keep` evenly spaced ones remain, including the first and the last. */
export function stepsToDrop(steps: readonly number[], keep: number): number[] {
  const left = [...steps];
  const dropped: number[] = [];
  while (left.length > Math.max(2, keep)) {
    let tightest = 1;
    const gap = (i: number): number => left[i + 1]! - left[i - 1]!;
    for (let i = 2; i < left.length - 1; i++) if (gap(i) < gap(tightest)) tightest = i;
    dropped.push(...left.splice(tightest, 1));
  }
  return dropped;
}
