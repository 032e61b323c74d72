import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { diskError } from '../disk-error.js';
import { CheckpointError } from '../errors.js';

/** The system refuses or cuts short a single write of 2 GiB. */
const SLICE = 2 ** 26;

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, from, Math.min(SLICE, bytes.length - from));
    from += bytesWritten;
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Without this a power cut can undo the rename. Windows cannot open a folder, and does not need it.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems do not sync folders; the file itself is already safe.
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'EINVAL' && code !== 'ENOTSUP' && code !== 'EPERM') throw error;
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file so that its path holds either the old bytes or all of the new ones, whatever happens: a
 * temporary file in the same folder, fsync, rename, fsync of the folder.
 *
 * @param data a text (UTF-8), bytes, or several pieces of bytes; bytes must not change until they are written,
 *   which is when the next piece is asked for
 * @throws CheckpointError when the disk is full, read-only or not ours to write, or the folder is missing; what
 *   was at the path before is then untouched
 */
export async function writeFileAtomic(
  file: string,
  data: string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const folder = path.dirname(file);
  const temporary = path.join(folder, `.${path.basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
  const pieces = typeof data === 'string' ? [Buffer.from(data)] : data instanceof Uint8Array ? [data] : data;
  try {
    const handle = await open(temporary, 'wx');
    try {
      for await (const piece of pieces) await writeAll(handle, piece);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(folder);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw diskError(error, `cannot write ${file}`, CheckpointError);
  }
}
