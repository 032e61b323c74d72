import { homedir } from 'node:os';
import { join } from 'node:path';

/** The folder of what can be made or fetched again: `~/.cache/paperweight`, or below `XDG_CACHE_HOME`. */
export const cacheFolder = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'paperweight');
