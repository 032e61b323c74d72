import { type FileHandle, open } from 'node:fs/promises';
import { endianness } from 'node:os';
import { CheckpointError } from '../errors/errors.js';
import { diskError } from './disk-error.js';

/** Bytes at positions: an open file, or a buffer. */
export interface ByteSource {
  /** The file's path, for messages. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Fills `into` with the bytes from `position` on. @throws where there are fewer */
  read(into: Uint8Array, position: number): Promise<void>;
}

/** The system refuses or cuts short a single read of 2 GiB. */
const SLICE = 2 ** 26;

/**
 * Opens a file for `body` and closes it afterwards.
 *
 * Files are read at positions and not mapped: mapping and copying takes no less time, and a process that touches a
 * mapped file which somebody has cut short is killed (docs/architecture.md has the figures).
 *
 * @throws CheckpointError, with the path, for what the system refuses
 */
export async function withFile<T>(file: string, body: (source: ByteSource) => Promise<T>): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    return await body(await fileSource(file, handle));
  } catch (error) {
    throw diskError(error, `cannot read ${file}`, CheckpointError);
  } finally {
    await handle?.close();
  }
}

async function fileSource(file: string, handle: FileHandle): Promise<ByteSource> {
  const stat = await handle.stat();
  if (!stat.isFile())
    throw new CheckpointError({
      what: `cannot read ${file}`,
      expected: 'a file of weights',
      got: stat.isDirectory() ? 'a folder' : 'something that is not a file',
      next: 'check the path',
    });
  return {
    name: file,
    size: stat.size,
    async read(into, position) {
      for (let done = 0; done < into.length; ) {
        const want = Math.min(SLICE, into.length - done);
        const { bytesRead } = await handle.read(into, done, want, position + done);
        // Positions are checked beforehand, so this is a file that shrank meanwhile.
        if (bytesRead === 0) throw new Error('the file ended early while it was read');
        done += bytesRead;
      }
    },
  };
}

/** Bytes that are in memory already. */
export function bufferSource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(into, position) {
      if (position + into.length > bytes.length) throw new Error('the buffer ended early');
      into.set(bytes.subarray(position, position + into.length));
    },
  };
}

/** @throws CheckpointError on a machine whose numbers lie the other way round */
export function checkEndianness(): void {
  if (endianness() === 'LE') return;
  throw new CheckpointError({ what: 'files of weights are little-endian and this machine is not' });
}
