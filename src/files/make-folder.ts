import { mkdirSync, statSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() ?? false;

/**
 * Creates a folder and its parents. Node's `mkdir` with `recursive` never returns in folders that do not accept new
 * ones, such as /proc.
 */
export async function makeFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  const above = dirname(path);
  if (above !== path) await makeFolder(above);
  try {
    await mkdir(path);
  } catch (error) {
    // Another process may have created it meanwhile.
    if (!(await isFolder(path))) throw error;
  }
}

const isFolderNow = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Like `makeFolder`, without waiting. */
export function makeFolderSync(path: string): void {
  if (isFolderNow(path)) return;
  const above = dirname(path);
  if (above !== path) makeFolderSync(above);
  try {
    mkdirSync(path);
  } catch (error) {
    if (!isFolderNow(path)) throw error;
  }
}
