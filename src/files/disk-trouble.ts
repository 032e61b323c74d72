/** Codes of trouble that a person can end, or that ends by itself, while a run goes on. */
const PASSING = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EROFS',
  'EACCES',
  'EPERM',
  'ESTALE',
  'ETIMEDOUT',
  'EMFILE',
  'ENFILE',
]);

/** The code of the system's error behind an error; empty where there is none. */
export function systemCode(error: unknown): string {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  return typeof code === 'string' ? code : cause === undefined ? '' : systemCode(cause);
}

/** Whether a failed write may work later, as on a full disk; where the folder is gone, it will not. */
export const mayPass = (error: unknown): boolean => PASSING.has(systemCode(error));
