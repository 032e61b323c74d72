import { rm } from 'node:fs/promises';

/**
 * Removes a folder with all that is in it; a folder that does not exist is no error. On Windows files cannot be removed
 * while another program (a virus scanner, an indexer) has them open: it tries again for up to five seconds.
 */
export const removeFolder = (path: string): Promise<void> =>
  rm(path, { recursive: true, force: true, maxRetries: 10 });
