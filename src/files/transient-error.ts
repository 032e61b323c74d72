/** Codes of errors that can disappear while a run continues, such as a full disk. */
const TRANSIENT = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EROFS',
  'EACCES',
  'EPERM',
  'EBUSY',
  'ESTALE',
  'ETIMEDOUT',
  'EMFILE',
  'ENFILE',
]);

/** The system's error code of an error or of its cause, such as ENOSPC; empty if it has none. */
export function systemCode(error: unknown): string {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  return typeof code === 'string' ? code : cause === undefined ? '' : systemCode(cause);
}

/** Whether a failed write may succeed later, as after a full disk; not if the folder is missing, say. */
export const isTransient = (error: unknown): boolean => TRANSIENT.has(systemCode(error));
