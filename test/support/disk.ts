import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A small separate disk that can be filled. */
export interface SmallDisk {
  readonly path: string;
  /** Leaves no free space. */
  fill(): void;
  free(): Promise<void>;
}

/**
 * Mounts a small disk in memory. Only root can do this, and in some containers not even root.
 * @returns undefined if that is impossible, after marking the test as skipped
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
        // Fills the disk to the last page.
      }
    },
    free: () => rm(filler),
  };
}

/** A folder in which even root cannot create files, if the system has one. */
export const UNWRITABLE = process.platform === 'linux' ? '/proc/paperweight-test' : undefined;
