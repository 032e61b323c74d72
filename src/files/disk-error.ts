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
/** Windows has the same codes for a file that another program has open, or that is marked as read-only. */
const HELD = {
  expected: 'read and write permission, and no other program that has it open',
  got: 'no permission, a read-only file, or one that another program has open',
  next: 'close the other program, make the file writable, or choose a folder you may write to',
};
const ON_WINDOWS: Readonly<Record<string, Known>> = { EACCES: HELD, EPERM: HELD, EBUSY: HELD };

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
 * @param platform replaces the system's name in tests
 * @returns the new error, or `error` itself if it is already a `PaperweightError`
 */
export function diskError(
  error: unknown,
  what: string,
  Kind: new (parts: ErrorParts) => PaperweightError,
  platform: NodeJS.Platform = process.platform,
): PaperweightError {
  if (error instanceof PaperweightError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  const known = platform === 'win32' ? { ...KNOWN, ...ON_WINDOWS } : KNOWN;
  if (typeof code !== 'string' || !Object.hasOwn(known, code)) {
    const got = error instanceof Error ? error.message : String(error);
    return new Kind({ what, got, cause: error });
  }
  const { expected, got, next } = known[code]!;
  // "Create its folder first" only makes sense for writing.
  const advice = code === 'ENOENT' && /^cannot (read|open)/.test(what) ? 'check the path' : next;
  return new Kind({ what, expected, got: `${got} (${code})`, next: advice, cause: error });
}
