import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdtemp, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CheckpointError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { makeFolder } from '../../files/make-folder.js';
import { rename } from '../../files/rename.js';
import { removeFolder } from '../../files/system/remove.js';
import { isClone, paperFolder } from '../../papers/registry.js';

export interface Places {
  readonly results: string;
  readonly figures: string;
  /** Folder of the notes whose table is rebuilt; only with the paper's own results. */
  readonly notes?: string;
  /** Results shipped with an installed package, copied to `results` at first use. */
  readonly shipped?: string;
}

/**
 * Folders that a reproduction reads and writes.
 *
 * @param given `--results`
 * @param clone whether the sources may be written; an installed package is not modified
 */
export function placesOf(paper: string, given: string | undefined, clone = isClone()): Places {
  const own = paperFolder(paper);
  if (given !== undefined) return { results: given, figures: join(given, 'figures') };
  if (clone) return { results: join(own, 'results'), figures: join(own, 'figures'), notes: own };
  const results = join('results', paper);
  return { results, figures: join(results, 'figures'), shipped: join(own, 'results') };
}

/**
 * Copies shipped results to the writable folder, unless that exists.
 * @returns whether they were copied
 */
export async function copyResults(from: string, to: string): Promise<boolean> {
  if (existsSync(to) || !existsSync(from)) return false;
  try {
    await makeFolder(dirname(to));
    // Complete at once: another process may start at the same time.
    const copy = await mkdtemp(`${to}-`);
    for (const name of await readdir(from))
      if (name.endsWith('.json')) await copyFile(join(from, name), join(copy, name));
    await chmod(copy, 0o755);
    try {
      await rename(copy, to);
    } catch (error) {
      await removeFolder(copy);
      if (!existsSync(to)) throw error;
      return false;
    }
  } catch (error) {
    throw diskError(error, `cannot write ${to}`, CheckpointError);
  }
  return true;
}
