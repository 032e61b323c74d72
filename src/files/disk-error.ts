import { type ErrorParts, PaperweightError } from '../errors/errors.js';

interface Known {
  readonly expected: string;
  readonly got: string;
  readonly next: string;
}

const ROOM = {
  expected: 'free space on the disk',
  next: 'free some space, or choose a folder on another disk',
};
const PERMISSION = {
  expected: 'read and write permission',
  got: 'no permission',
  next: 'choose a folder you may write to, or change its permissions',
};

const FOLDER = { expected: 'a folder', got: 'a file where a folder should be', next: 'check the path' };

const KNOWN: Readonly<Record<string, Known>> = {
  ENOSPC: { ...ROOM, got: 'a full disk' },
  EDQUOT: { ...ROOM, got: 'a used-up disk quota' },
  EACCES: PERMISSION,
  EPERM: PERMISSION,
  EROFS: {
    expected: 'a writable file system',
    got: 'a read-only file system',
    next: 'choose a folder on a writable file system',
  },
  ENOENT: {
    expected: 'a path that exists',
    got: 'no such file or folder',
    next: 'check the path, and create its folder first',
  },
  ENOTDIR: FOLDER,
  EEXIST: FOLDER,
  EISDIR: { expected: 'a file', got: 'a folder where a file should be', next: 'check the path' },
  ELOOP: {
    expected: 'a path that exists',
    got: 'symbolic links that form a loop',
    next: 'check the targets of the links',
  },
  ENXIO: {
    expected: 'a pipe with a reader',
    got: 'a pipe without a reader',
    next: 'start its reader first',
  },
  EPIPE: {
    expected: 'a pipe that is read to the end',
    got: 'a reader that closed the pipe',
    next: 'check the program that reads from it',
  },
  EFBIG: { ...ROOM, got: 'a file at its maximum size' },
  ENAMETOOLONG: { expected: 'a shorter name', got: 'a name that is too long', next: 'choose a shorter name' },
};

/**
 * Turns a file-system error into one with advice.
 *
 * @param what the failed action and the path: "cannot write DIR/FILE"; the advice for "cannot read" and "cannot open"
 *   differs from that for writing
 * @param Kind the class of the new error: `DataError` for data sets, `CheckpointError` for weights
 * @returns the new error, or `error` itself if it is already a `PaperweightError`
 */
export function diskError(
  error: unknown,
  what: string,
  Kind: new (parts: ErrorParts) => PaperweightError,
): PaperweightError {
  if (error instanceof PaperweightError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== 'string' || !Object.hasOwn(KNOWN, code)) {
    const got = error instanceof Error ? error.message : String(error);
    return new Kind({ what, got, cause: error });
  }
  const { expected, got, next } = KNOWN[code]!;
  // "Create its folder first" only makes sense for writing.
  const advice = code === 'ENOENT' && /^cannot (read|open)/.test(what) ? 'check the path' : next;
  return new Kind({ what, expected, got: `${got} (${code})`, next: advice, cause: error });
}
