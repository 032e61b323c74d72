import type { Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Positioned } from '../../files/positioned.js';
import { isWindowsName } from '../../files/system/windows-name.js';
import { RequestError } from '../http/request-error.js';

/** Maximum size in bytes of a run's small files, such as config.json. */
const SMALL = 2 ** 20;

const noRun = (id: string) =>
  new RequestError(404, {
    what: 'This run does not exist',
    expected: 'the name of a run folder',
    got: JSON.stringify(id.slice(0, 100)),
    next: 'see the list of runs',
  });

/**
 * Whether a name is a single path segment and not hidden.
 * @param platform replaces the system's name in tests: on Windows devices and streams of files have names too
 */
export function isSegment(name: string, platform: NodeJS.Platform = process.platform): boolean {
  if (name === '' || name.startsWith('.') || name.length > 255) return false;
  if (['/', '\\', '\u0000'].some((character) => name.includes(character))) return false;
  return platform !== 'win32' || (isWindowsName(name) && !name.includes(':'));
}

/**
 * Real path of a run's folder.
 *
 * @param root a real path
 * @throws RequestError 404 for an unknown name, and for a link that leads outside the root
 */
export async function runFolder(root: string, id: string): Promise<string> {
  if (!isSegment(id)) throw noRun(id);
  const path = await realpath(join(root, id)).catch(() => undefined);
  if (!path?.startsWith(root + sep)) throw noRun(id);
  if (await fileInside(path, 'config.json')) return path;
  // Another program's run has TensorBoard's event files, perhaps in subfolders such as train and validation.
  if (await holdsEvents(path, true)) return path;
  throw noRun(id);
}

async function holdsEvents(folder: string, deeper: boolean): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  if (entries.some(({ name }) => name.includes('tfevents') && isSegment(name))) return true;
  if (!deeper) return false;
  for (const entry of entries)
    if (entry.isDirectory() && isSegment(entry.name) && (await holdsEvents(join(folder, entry.name), false)))
      return true;
  return false;
}

export interface InsideFile {
  readonly path: string;
  readonly stats: Stats;
}

/**
 * A regular file of a run by its real path; undefined if it is missing, not a regular file (reading a pipe would
 * block), or a link that leads outside the folder.
 *
 * @param folder a real path
 * @param name one or more path segments
 */
export async function fileInside(
  folder: string,
  ...name: readonly string[]
): Promise<InsideFile | undefined> {
  if (!name.every((one) => isSegment(one))) return undefined;
  const path = await realpath(join(folder, ...name)).catch(() => undefined);
  if (!path?.startsWith(folder + sep)) return undefined;
  const stats = await lstat(path).catch(() => undefined);
  return stats?.isFile() ? { path, stats } : undefined;
}

/** The text of a small file of a run; undefined if it does not exist. */
export async function readSmall(folder: string, ...name: readonly string[]): Promise<string | undefined> {
  const file = await fileInside(folder, ...name);
  if (!file) return undefined;
  if (file.stats.size > SMALL)
    throw new RequestError(422, {
      what: `${name.join('/')} of the run is too large`,
      expected: `at most ${SMALL} bytes`,
      got: `${file.stats.size} bytes`,
    });
  return (await readRange(file.path, 0, file.stats.size)).toString('utf8');
}

/** Up to `length` bytes from a position; fewer if the file has become shorter. */
export async function readRange(path: string, from: number, length: number): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    return await readFrom(handle, from, length);
  } finally {
    await handle.close();
  }
}

/** {@link readRange} of an open file. */
export async function readFrom(source: Positioned, from: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await source.read(buffer, done, length - done, from + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}

const PIECE = 2 ** 20;

/**
 * Searches for the next newline.
 *
 * @returns `next`: the position after it, undefined if there is none; `searched`: end of the searched range
 */
export async function newlineAfter(
  handle: FileHandle,
  from: number,
): Promise<{ next: number | undefined; searched: number }> {
  for (let at = from; ; at += PIECE) {
    const bytes = await readFrom(handle, at, PIECE);
    const newline = bytes.indexOf(0x0a);
    if (newline >= 0) return { next: at + newline + 1, searched: at };
    if (bytes.length < PIECE) return { next: undefined, searched: at };
  }
}
