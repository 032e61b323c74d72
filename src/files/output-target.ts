import { readlinkSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { CheckpointError } from '../errors/errors.js';
import { realPath } from './real-path.js';

/** What bytes that are written to a path reach. */
export type OutputTarget =
  /** A regular file, there already or not, by its real path. It may be replaced. */
  | { readonly kind: 'file'; readonly path: string; readonly old: Stats | undefined }
  /** A terminal, a pipe or another device, which stays what it is: bytes are written through it. */
  | { readonly kind: 'stream'; readonly path: string }
  /** A file of this process that is open already, such as /dev/stdout. */
  | { readonly kind: 'open'; readonly fd: number };

/** Where Linux shows the open files of a process. */
const OPEN_FILES = /^\/proc\/(\d+)(?:\/task\/\d+)?\/fd$/;
/** As many links as systems follow. */
const MOST_LINKS = 40;

/**
 * What a path leads to. Links are followed and stay what they are, as with `cp` and `>`.
 *
 * @throws CheckpointError for a disk; the system's error for a folder, and for a path that leads nowhere
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
      got: 'a block device, whose content would be lost',
      next: 'name a file',
    });
  return old && !old.isFile() ? { kind: 'stream', path } : { kind: 'file', path, old };
}

/** What a path such as /dev/stdout or /dev/fd/3 leads to; its name tells nothing of what is open there. */
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
