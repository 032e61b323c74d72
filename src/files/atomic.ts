import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { CheckpointError } from '../errors/errors.js';
import { digestOffset } from './checksum.js';
import { diskError } from './disk-error.js';

/** The system refuses or cuts short a single write of 2 GiB. */
const SLICE = 2 ** 26;

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, from, Math.min(SLICE, bytes.length - from));
    from += bytesWritten;
  }
}

/** Makes what was created, renamed or removed in a folder last. */
export async function syncFolder(folder: string): Promise<void> {
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

/** The name of a file that is still being written, which only a process that was killed leaves behind. */
export const temporaryName = (name: string): string => `.${name}.${randomBytes(6).toString('hex')}.tmp`;
const TEMPORARY = /^\.(.+)\.[0-9a-f]{12}\.tmp$/;

/** The file that a temporary one was to become; undefined for any other name. */
export const temporaryFor = (name: string): string | undefined => TEMPORARY.exec(name)?.[1];

/**
 * Writes a file so that its path holds either the old bytes or all of the new ones, whatever happens: a
 * temporary file in the same folder, fsync, rename, fsync of the folder.
 *
 * @param data a text (UTF-8), bytes, or several pieces of bytes; bytes must not change until they are written,
 *   which is when the next piece is asked for
 * @param options.checksum the first piece has room for a checksum (`CHECKSUM_ROOM`), which is to be filled in
 * @throws CheckpointError when the disk is full, read-only or not ours to write, or the folder is missing; what
 *   was at the path before is then untouched
 */
export async function writeFileAtomic(
  file: string,
  data: string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { checksum = false }: { readonly checksum?: boolean } = {},
): Promise<void> {
  const folder = path.dirname(file);
  const temporary = path.join(folder, temporaryName(path.basename(file)));
  const pieces = typeof data === 'string' ? [Buffer.from(data)] : data instanceof Uint8Array ? [data] : data;
  try {
    const handle = await open(temporary, 'wx');
    try {
      const hash = checksum ? createHash('sha256') : undefined;
      let digestAt: number | undefined;
      for await (const piece of pieces) {
        if (checksum) digestAt ??= digestOffset(piece);
        const written = writeAll(handle, piece);
        // The system writes in a thread of its own meanwhile.
        hash?.update(piece);
        await written;
      }
      if (hash) await handle.write(hash.digest('hex'), digestAt, 'latin1');
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
