import { createHash, randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { CheckpointError } from '../errors/errors.js';
import { digestOffset } from './checksum.js';
import { diskError } from './disk-error.js';
import { type OutputTarget, outputTarget } from './output-target.js';
import { rename } from './rename.js';
import { writeAll, writeThrough } from './write-through.js';

/** Flushes a folder's entries to disk, so that files created, renamed or removed in it survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder, and does not need this.
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

/** The name of a file while it is being written. Such a file remains only if the process is killed. */
const temporaryName = (name: string): string => `.${name}.${randomBytes(6).toString('hex')}.tmp`;
const TEMPORARY = /^\.(.+)\.[0-9a-f]{12}\.tmp$/;

/** The final name of a temporary file; undefined if `name` is not a temporary name. */
export const temporaryFor = (name: string): string | undefined => TEMPORARY.exec(name)?.[1];

type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Writes a file so that its path holds either the old bytes or all of the new ones, whatever happens: a
 * temporary file in the same folder, fsync, rename, fsync of the folder.
 *
 * A symbolic link is followed and kept. If the path is not a regular file (a pipe, a terminal, a device), the bytes
 * are written into it in order, and it is not replaced.
 *
 * @param data text (UTF-8), bytes, or a sequence of byte arrays; each array must not change until the next one is
 *   requested
 * @param options.checksum fill in the checksum for which the first array has room (`CHECKSUM_ROOM`)
 * @returns the number of bytes written
 * @throws CheckpointError if the disk is full or read-only, permission or the folder is missing, or the path leads to
 *   a folder, a disk, or a pipe without a reader; the old content is then unchanged
 */
export async function writeFileAtomic(
  file: string,
  data: string | Uint8Array | Pieces,
  { checksum = false }: { readonly checksum?: boolean } = {},
): Promise<number> {
  const pieces = typeof data === 'string' ? [Buffer.from(data)] : data instanceof Uint8Array ? [data] : data;
  let total = 0;
  const counted = async function* () {
    for await (const piece of pieces) {
      total += piece.length;
      yield piece;
    }
  };
  try {
    const target = outputTarget(file);
    if (target.kind === 'file') await replaceFile(target, counted(), checksum);
    else await writeThrough(target, checksum ? await withChecksum(counted()) : counted());
  } catch (error) {
    throw diskError(error, `cannot write ${file}`, CheckpointError);
  }
  return total;
}

async function replaceFile(
  { path: file, old }: Extract<OutputTarget, { kind: 'file' }>,
  pieces: Pieces,
  checksum: boolean,
): Promise<void> {
  const folder = path.dirname(file);
  const temporary = path.join(folder, temporaryName(path.basename(file)));
  try {
    const handle = await open(temporary, 'wx');
    try {
      const hash = checksum ? createHash('sha256') : undefined;
      let digestAt: number | undefined;
      for await (const piece of pieces) {
        if (checksum) digestAt ??= digestOffset(piece);
        const written = writeAll((...part) => handle.write(...part), piece);
        // Hashing overlaps with the write, which runs on another thread.
        hash?.update(piece);
        await written;
      }
      if (hash) await handle.write(hash.digest('hex'), digestAt, 'latin1');
      if (old) await copyOwnership(handle, old);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(folder);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

/** Gives a file the owner and the permissions of the file that it replaces, if the file system supports them. */
async function copyOwnership(handle: FileHandle, { mode, uid, gid }: Stats): Promise<void> {
  const own = await handle.stat();
  if (own.uid !== uid || own.gid !== gid) await handle.chown(uid, gid).catch(() => {});
  if (own.mode !== mode) await handle.chmod(mode & 0o7777).catch(() => {});
}

/** The pieces with their checksum filled in. They are collected in memory, since a stream cannot be patched later. */
async function withChecksum(pieces: Pieces): Promise<Buffer[]> {
  const hash = createHash('sha256');
  const all: Buffer[] = [];
  for await (const piece of pieces) {
    hash.update(piece);
    all.push(Buffer.from(piece));
  }
  const [first] = all;
  if (first) first.write(hash.digest('hex'), digestOffset(first), 'latin1');
  return all;
}
