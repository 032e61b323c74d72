import { type ErrorParts, PaperweightError } from '../errors/errors.js';

interface Known {
  readonly expected: string;
  readonly got: string;
  readonly next: string;
}

const ROOM = {
  expected: 'room on the disk',
  next: 'free some space, or choose a folder on another disk',
};
const PERMISSION = {
  expected: 'a place that you may use',
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
    expected: 'a place that can be written to',
    got: 'a read-only file system',
    next: 'choose a folder that can be written to',
  },
  ENOENT: {
    expected: 'a path that exists',
    got: 'no such file or folder',
    next: 'check the path, and create its folder first',
  },
  ENOTDIR: FOLDER,
  EEXIST: FOLDER,
  EISDIR: { expected: 'a file', got: 'a folder where a file should be', next: 'check the path' },
  ELOOP: { expected: 'a path that exists', got: 'links in a circle', next: 'check where the links lead' },
  ENXIO: {
    expected: 'a pipe that somebody reads',
    got: 'one without a reader',
    next: 'start its reader first',
  },
  EPIPE: {
    expected: 'a pipe that is read to the end',
    got: 'a reader that has gone',
    next: 'look at what reads from it',
  },
  EFBIG: { ...ROOM, got: 'a file that may not become larger' },
  ENAMETOOLONG: { expected: 'a shorter name', got: 'a name that is too long', next: 'choose a shorter name' },
};

/**
 * Turns a file-system error into one that says what to do.
 *
 * @param what the action that failed, naming the path: "cannot write DIR/FILE"; advice depends on whether it is
 *   "cannot read", "cannot open", or another one
 * @param Kind the class to make: `DataError` for data sets, `CheckpointError` for weights
 * @returns the new error; `error` itself when it already is one of ours
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
  // Only what is to be written needs a folder first.
  const advice = code === 'ENOENT' && /^cannot (read|open)/.test(what) ? 'check the path' : next;
  return new Kind({ what, expected, got: `${got} (${code})`, next: advice, cause: error });
}
