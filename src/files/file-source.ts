import { type FileHandle, open } from 'node:fs/promises';
import { CheckpointError } from '../errors/errors.js';
import type { ByteSource } from './byte-source.js';
import { diskError } from './disk-error.js';

/** The system refuses or cuts short a single read of 2 GiB. */
const SLICE = 2 ** 26;

/**
 * Opens a file for `body` and closes it afterwards.
 *
 * Files are read by position and not memory-mapped: mapping is not faster, and a process that touches a mapped file
 * after it was truncated is killed (docs/architecture.md has the figures).
 *
 * @throws CheckpointError, with the path, if the file cannot be opened or read
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
      got: stat.isDirectory() ? 'a folder' : 'a device, a pipe or a socket',
      next: 'check the path',
    });
  return {
    name: file,
    size: stat.size,
    async read(into, position) {
      for (let done = 0; done < into.length; ) {
        const want = Math.min(SLICE, into.length - done);
        const { bytesRead } = await handle.read(into, done, want, position + done);
        // Positions are checked beforehand, so the file has been truncated while it was read.
        if (bytesRead === 0) throw new Error('the file ended early while it was read');
        done += bytesRead;
      }
    },
  };
}
