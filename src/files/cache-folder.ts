import { homedir } from 'node:os';
import { join } from 'node:path';

/** The folder of files that can be regenerated or downloaded again: `~/.cache/paperweight`, or below `XDG_CACHE_HOME`. */
export const cacheFolder = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'paperweight');
