import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The folder of files that can be regenerated or downloaded again: `~/.cache/paperweight`, or below `XDG_CACHE_HOME`. */
export function cacheFolder(): string {
  const { XDG_CACHE_HOME: named = '' } = process.env;
  // As its specification says, a relative path does not count: it would be another folder wherever a program runs.
  return join(isAbsolute(named) ? named : join(homedir(), '.cache'), 'paperweight');
}
