import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/** Segments of shared memory that MPI libraries make. */
const NAME = /\/dev\/shm\/((vader|sm)_segment\.|mpich|Intel_MPI)\S*(?=( \(deleted\))?$)/;

/**
 * Removes the names of the segments that this process has mapped. Once all ranks of the machine have mapped them, names
 * are of no use any more; without them, the system frees the memory when the last rank ends, however it ends.
 *
 * @returns their names
 */
export function unlinkSegments(): string[] {
  let maps: string;
  try {
    maps = readFileSync('/proc/self/maps', 'utf8');
  } catch {
    return [];
  }
  const files = [...new Set(maps.split('\n').flatMap((line) => NAME.exec(line)?.[0] ?? []))];
  for (const file of files) {
    try {
      rmSync(file, { force: true });
    } catch {
      // In use by a library that cleans up itself.
    }
  }
  return files;
}

/**
 * Puts an empty file in the place of a rank's own segment: at the end Open MPI removes it, and complains if it is not
 * there.
 */
export function replaceOwn(files: readonly string[], rank: number): void {
  const own = files.find((file) => /_segment\..*\.\d+$/.test(file) && file.endsWith(`.${rank}`));
  try {
    if (own && !existsSync(own)) writeFileSync(own, '', { flag: 'wx' });
  } catch {
    // The complaint is harmless.
  }
}
