import { readlinkSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { CheckpointError } from '../errors/errors.js';
import { realPath } from './real-path.js';

/** What a path leads to when it is written. */
export type OutputTarget =
  /** A regular file, existing or new, by its real path. It may be replaced. */
  | { readonly kind: 'file'; readonly path: string; readonly old: Stats | undefined }
  /** A terminal, a pipe or another device: bytes are written into it, and it is not replaced. */
  | { readonly kind: 'stream'; readonly path: string }
  /** An open file of this process, such as /dev/stdout. */
  | { readonly kind: 'open'; readonly fd: number };

/** Folder of the open files of a process on Linux. */
const OPEN_FILES = /^\/proc\/(\d+)(?:\/task\/\d+)?\/fd$/;
/** Linux follows at most 40 symbolic links. */
const MOST_LINKS = 40;

/**
 * What a path leads to. Symbolic links are followed and kept, as with `cp` and `>`.
 *
 * @throws CheckpointError for a disk; the system's error for a folder, or if a parent folder does not exist
 */
export function outputTarget(file: string): OutputTarget {
  const open = openFile(file);
  if (open) return open;
  const path = realPath(file);
  const old = statSync(path, { throwIfNoEntry: false });
  if (old?.isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
  if (old?.isBlockDevice())
    throw new CheckpointError({
      what: `${file} is a disk`,
      expected: 'a file, a pipe or a terminal',
      got: 'a block device, whose content would be overwritten',
      next: 'name a file',
    });
  return old && !old.isFile() ? { kind: 'stream', path } : { kind: 'file', path, old };
}

/** The open file that a path such as /dev/stdout or /dev/fd/3 stands for; undefined for other paths. */
function openFile(file: string): OutputTarget | undefined {
  let path = resolve(file);
  for (let links = 0; links < MOST_LINKS; links++) {
    const folder = realPath(dirname(path));
    path = join(folder, basename(path));
    const [found, pid] = OPEN_FILES.exec(folder) ?? [];
    if (found && statSync(path, { throwIfNoEntry: false }))
      return Number(pid) === process.pid
        ? { kind: 'open', fd: Number(basename(path)) }
        : { kind: 'stream', path };
    const link = linkAt(path);
    if (link === undefined) return undefined;
    path = resolve(folder, link);
  }
  return undefined;
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
