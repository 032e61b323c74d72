import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/** Segments of shared memory that MPI libraries make. */
const NAME = /\/dev\/shm\/((vader|sm)_segment\.|mpich|Intel_MPI)\S*(?=( \(deleted\))?$)/;

/**
 * Removes the names of the segments that this process has mapped. Once all ranks of the machine have mapped them, the
 * names are no longer needed; without them, the system frees the memory when the last rank ends, even if it crashes.
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
      // Still in use: the library removes it itself.
    }
  }
  return files;
}

/**
 * Creates an empty file in place of a rank's own segment: Open MPI removes it at the end, and prints a warning if it
 * does not exist.
 */
export function replaceOwn(files: readonly string[], rank: number): void {
  const own = files.find((file) => /_segment\..*\.\d+$/.test(file) && file.endsWith(`.${rank}`));
  try {
    if (own && !existsSync(own)) writeFileSync(own, '', { flag: 'wx' });
  } catch {
    // The warning is harmless.
  }
}
