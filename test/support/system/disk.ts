import { spawnSync } from 'node:child_process';
import { mkdtempSync, readlinkSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

/** Why no symbolic links can be made here: Windows wants a right for them, and Wine says that it made one. */
export const NO_LINKS = ((): string | false => {
  if (process.platform !== 'win32') return false;
  const folder = mkdtempSync(join(tmpdir(), 'paperweight-test-'));
  try {
    symlinkSync(folder, join(folder, 'link'));
    return readlinkSync(join(folder, 'link')) === '' && 'the system makes empty links';
  } catch (error) {
    return `no symbolic links can be made here (${(error as NodeJS.ErrnoException).code})`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
})();

/** Why a file cannot have just any name. */
export const NO_ODD_NAMES = process.platform === 'win32' && 'Windows has no such names';

/** A folder in which even root cannot create files, if the system has one. */
export const UNWRITABLE = process.platform === 'linux' ? '/proc/paperweight-test' : undefined;
