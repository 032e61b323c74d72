import { readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** As many links as systems follow. */
const MOST_LINKS = 40;

/**
 * Where a path leads, with all links followed. What does not exist keeps its name below what does, and a link to
 * nothing leads to where it would be made.
 *
 * @throws the system's error for links in a circle, and for folders that may not be looked into
 */
export function realPath(path: string, links = 0): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || links > MOST_LINKS) throw error;
    const absolute = resolve(path);
    const above = dirname(absolute);
    if (above === absolute) throw error;
    const folder = realPath(above, links);
    const own = join(folder, basename(absolute));
    const link = linkAt(own);
    return link === undefined ? own : realPath(resolve(folder, link), links + 1);
  }
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
