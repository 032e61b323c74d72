import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A disk of its own that can be filled. */
export interface SmallDisk {
  readonly path: string;
  /** Leaves no room at all. */
  fill(): void;
  free(): Promise<void>;
}

/**
 * Mounts a small disk in memory. The system lets only root do so, and some containers nobody.
 * @returns undefined, after the test is marked as skipped, where that is impossible
 */
export function smallDisk(t: TestContext, bytes = 2 ** 20): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), 'paperweight-test-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path]);
  t.after(() => {
    if (mounted.status === 0) spawnSync('umount', ['-l', path]);
    rmdirSync(path);
  });
  if (mounted.status !== 0) {
    t.skip('a disk that can be filled needs the right to mount one');
    return undefined;
  }
  const filler = join(path, 'filler');
  return {
    path,
    fill() {
      try {
        writeFileSync(filler, Buffer.alloc(2 * bytes));
      } catch {
        // As much as fits, to the last page.
      }
    },
    free: () => rm(filler),
  };
}

/** A folder that refuses files even to root, where the system has one. */
export const UNWRITABLE = process.platform === 'linux' ? '/proc/paperweight-test' : undefined;
