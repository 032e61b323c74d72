import { type ErrorParts, PaperweightError } from './errors.js';

const NEXT: Record<string, { got: string; next: string }> = {
  ENOSPC: { got: 'a full disk (ENOSPC)', next: 'free some space, or choose a folder on another disk' },
  EDQUOT: {
    got: 'a used-up disk quota (EDQUOT)',
    next: 'free some space, or choose a folder on another disk',
  },
  EACCES: {
    got: 'no permission (EACCES)',
    next: 'choose a folder you may write to, or change its permissions',
  },
  EPERM: {
    got: 'no permission (EPERM)',
    next: 'choose a folder you may write to, or change its permissions',
  },
  EROFS: { got: 'a read-only file system (EROFS)', next: 'choose a folder that can be written to' },
  ENOENT: { got: 'no such file or folder (ENOENT)', next: 'check the path, and create its folder first' },
  ENOTDIR: { got: 'a file where a folder should be (ENOTDIR)', next: 'check the path' },
  EISDIR: { got: 'a folder where a file should be (EISDIR)', next: 'check the path' },
  ENAMETOOLONG: { got: 'a name that is too long (ENAMETOOLONG)', next: 'choose a shorter name' },
};

/**
 * Turns a file-system error into one that says what to do.
 *
 * @param what the action that failed, naming the path: "cannot write DIR/FILE"
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
  const known = typeof code === 'string' && Object.hasOwn(NEXT, code) ? NEXT[code] : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return new Kind({ what, got: known?.got ?? message, next: known?.next, cause: error });
}
