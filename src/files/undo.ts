import { existsSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removeFolder } from './system/remove.js';

/** The folders on a path that do not exist yet, the innermost first. */
export const missingFolders = (path: string): string[] =>
  existsSync(path) ? [] : [path, ...missingFolders(dirname(path))];

/**
 * Call before writing files into a folder, which need not exist yet.
 * @returns a function that removes everything written since, and folders created since if they are empty
 */
export async function undoLater(folder: string): Promise<() => Promise<void>> {
  const made = missingFolders(folder);
  const kept = new Set(await readdir(folder).catch(() => []));
  return async () => {
    for (const name of await readdir(folder).catch(() => []))
      if (!kept.has(name)) await removeFolder(join(folder, name));
    for (const path of made) await rmdir(path).catch(() => {});
  };
}
