import { rename as systemRename } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { systemCode } from './transient-error.js';

/** On Windows a rename fails while another program (a virus scanner, an indexer, a reader) has the file open. */
const HELD: ReadonlySet<string | undefined> = new Set(['EPERM', 'EACCES', 'EBUSY']);

/** Whether a call failed on Windows because another program has a file open, or may have. */
export const isHeld = (error: unknown, platform: NodeJS.Platform = process.platform): boolean =>
  platform === 'win32' && HELD.has(systemCode(error));

/** Pauses between attempts, in milliseconds; 5 seconds in all. */
const PAUSES = [10, 20, 50, 100, 200, 400, 800, 1200, 1200, 1020];

/**
 * Renames a file or folder, replacing a file of that name. On Windows it waits for other programs that have one of the
 * two open.
 *
 * @param system replaces the system's call, and the platform, in tests
 * @throws the system's error
 */
export async function rename(
  from: string,
  to: string,
  system: { call: typeof systemRename; platform: NodeJS.Platform } = {
    call: systemRename,
    platform: process.platform,
  },
): Promise<void> {
  for (let attempt = 0; ; attempt++)
    try {
      return await system.call(from, to);
    } catch (error) {
      const pause = PAUSES[attempt];
      if (pause === undefined || !isHeld(error, system.platform)) throw error;
      await delay(pause);
    }
}
