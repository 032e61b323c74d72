import { stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { shown } from '../../errors/arguments.js';
import { CheckpointError, DataError, UsageError } from '../../errors/errors.js';
import { type RunLock, takeLock } from '../../files/lock.js';
import { rename } from '../../files/rename.js';
import { isTransient } from '../../files/transient-error.js';

/** Time between two attempts to lock a folder in which another process downloads. */
const POLL_MS = 200;

/** The last download into each folder by this process. */
const latest = new Map<string, Promise<unknown>>();

/**
 * Downloads into a folder that exists, one process and one call at a time.
 *
 * @param work gets whether it had to wait for others, who may have downloaded the same
 */
export async function fetchAlone<T>(
  folder: string,
  signal: AbortSignal | undefined,
  work: (waited: boolean) => Promise<T>,
): Promise<T> {
  const key = path.resolve(folder);
  const before = latest.get(key);
  const own = (async () => {
    await before?.catch(() => {});
    const { lock, waited } = await locked(folder, signal);
    try {
      return await work(waited || before !== undefined);
    } finally {
      await lock?.release();
    }
  })();
  latest.set(key, own);
  try {
    return await own;
  } finally {
    if (latest.get(key) === own) latest.delete(key);
  }
}

async function locked(
  folder: string,
  signal: AbortSignal | undefined,
): Promise<{ lock?: RunLock; waited: boolean }> {
  for (let waited = false; ; waited = true) {
    signal?.throwIfAborted();
    try {
      return { lock: await takeLock(folder), waited };
    } catch (error) {
      // A folder that cannot be written: the download will say so.
      if (error instanceof CheckpointError) return { waited };
      if (!(error instanceof UsageError)) throw error;
      await delay(POLL_MS, undefined, signal ? { signal } : {}).catch(() => {});
    }
  }
}

/** An MD5 in small letters. @throws UsageError if it is not one */
export function checkedMd5(owner: string, md5: unknown): string {
  if (typeof md5 === 'string' && /^[0-9a-f]{32}$/i.test(md5)) return md5.toLowerCase();
  throw new UsageError({
    what: `${owner} got a bad md5`,
    expected: '32 hexadecimal digits',
    got: shown(md5),
  });
}

/** Whether a data set could not be read because a file of it is missing or damaged, which a download can replace. */
export const isBroken = (error: unknown): boolean => error instanceof DataError && !isTransient(error);

export const isThere = async (file: string): Promise<boolean> =>
  (await stat(file).catch(() => undefined)) !== undefined;

/** Keeps a damaged file under another name, so that nothing is lost if it was meant to be like that. */
export async function setAside(file: string): Promise<void> {
  if (await isThere(file)) await rename(file, `${file}.damaged`);
}

/**
 * Moves downloaded files to where they belong. Whole ones that are there stay.
 *
 * @param check reads a file that is there; it throws if the file is damaged
 */
export async function replaceDamaged(
  from: string,
  into: string,
  names: readonly string[],
  check: (name: string) => Promise<unknown>,
): Promise<void> {
  for (const name of names) {
    const whole = await check(name).then(
      () => true,
      () => false,
    );
    if (whole || !(await isThere(path.join(from, name)))) continue;
    await setAside(path.join(into, name));
    await rename(path.join(from, name), path.join(into, name));
  }
}
