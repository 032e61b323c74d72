import { rm } from 'node:fs/promises';
import { isHeld } from '../rename.js';

/**
 * Removes a folder with all that is in it; a folder that does not exist is no error. On Windows files cannot be removed
 * while another program (a virus scanner, an indexer) has them open: it tries again for up to five seconds.
 */
export const removeFolder = (path: string): Promise<void> =>
  rm(path, { recursive: true, force: true, maxRetries: 10 });

/**
 * Removes a file that is no longer needed; one that does not exist is no error. On Windows a file that another program has
 * open stays: what removes it will try again, and what needed no such file is not stopped by it.
 *
 * @param system replaces the system's call, and the platform, in tests
 * @throws the system's error
 */
export async function removeOld(
  file: string,
  system: { call: (file: string) => Promise<void>; platform: NodeJS.Platform } = {
    call: (one) => rm(one, { force: true }),
    platform: process.platform,
  },
): Promise<void> {
  try {
    await system.call(file);
  } catch (error) {
    if (!isHeld(error, system.platform)) throw error;
  }
}
