import { readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** Linux follows at most 40 symbolic links. */
const MOST_LINKS = 40;

/**
 * The path with all symbolic links resolved. Unlike `realpath`, the path need not exist: the part that exists is
 * resolved, and a dangling link resolves to its target.
 *
 * @throws the system's error if links form a loop, or a folder may not be read
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
