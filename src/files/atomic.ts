import { createHash, randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { CheckpointError } from '../errors/errors.js';
import { digestOffset } from './checksum.js';
import { diskError } from './disk-error.js';
import { type OutputTarget, outputTarget } from './output-target.js';
import { writeAll, writeThrough } from './write-through.js';

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
const temporaryName = (name: string): string => `.${name}.${randomBytes(6).toString('hex')}.tmp`;
const TEMPORARY = /^\.(.+)\.[0-9a-f]{12}\.tmp$/;

/** The file that a temporary one was to become; undefined for any other name. */
export const temporaryFor = (name: string): string | undefined => TEMPORARY.exec(name)?.[1];

type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Writes a file so that its path holds either the old bytes or all of the new ones, whatever happens: a
 * temporary file in the same folder, fsync, rename, fsync of the folder.
 *
 * A link stays a link, and the file that it leads to is written. What is no regular file (a pipe, a terminal, a
 * device) stays what it is: the bytes are written through it, in order.
 *
 * @param data a text (UTF-8), bytes, or several pieces of bytes; bytes must not change until they are written,
 *   which is when the next piece is asked for
 * @param options.checksum the first piece has room for a checksum (`CHECKSUM_ROOM`), which is to be filled in
 * @returns how many bytes were written
 * @throws CheckpointError when the disk is full, read-only or not ours to write, the folder is missing, or the path
 *   leads to a folder, a disk, or a pipe that nobody reads; what was at the path before is then untouched
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
    else await writeThrough(target, checksum ? await sealed(counted()) : counted());
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
        // The system writes in a thread of its own meanwhile.
        hash?.update(piece);
        await written;
      }
      if (hash) await handle.write(hash.digest('hex'), digestAt, 'latin1');
      if (old) await likeBefore(handle, old);
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

/** Gives a file the owner and the permissions of the one that it replaces, where the file system has such. */
async function likeBefore(handle: FileHandle, { mode, uid, gid }: Stats): Promise<void> {
  const own = await handle.stat();
  if (own.uid !== uid || own.gid !== gid) await handle.chown(uid, gid).catch(() => {});
  if (own.mode !== mode) await handle.chmod(mode & 0o7777).catch(() => {});
}

/** Pieces with their checksum filled in. They are held in memory, since nothing can be put in later where they go. */
async function sealed(pieces: Pieces): Promise<Buffer[]> {
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
