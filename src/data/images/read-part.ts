import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DataError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import type { FilePart } from './source.js';

/** Maximum size of an image file in bytes. */
const MAX_BYTES = 2 ** 28;
/** Larger buffers are not reused. */
const KEPT_BYTES = 2 ** 22;

let kept = new Uint8Array(0);

/**
 * Reads the bytes of an image into a reused buffer.
 *
 * @param name of the image, for messages
 * @returns the bytes, valid until the next call; fewer than requested if the file is truncated
 * @throws DataError if they cannot be read or exceed the maximum size
 */
export function readPart({ file, range }: FilePart, name: string): Uint8Array {
  try {
    const handle = openSync(file, 'r');
    try {
      const { offset, size } = range ?? { offset: 0, size: fstatSync(handle).size };
      if (size > MAX_BYTES)
        throw new DataError({
          what: `${name} is too large for an image file`,
          expected: `at most ${MAX_BYTES} bytes`,
          got: `${size} bytes`,
        });
      const bytes = kept.length >= size ? kept : new Uint8Array(size);
      if (size <= KEPT_BYTES) kept = bytes;
      let at = 0;
      while (at < size) {
        const read = readSync(handle, bytes, at, size - at, offset + at);
        if (read === 0) break;
        at += read;
      }
      return bytes.subarray(0, at);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    throw diskError(error, `cannot read ${name}`, DataError);
  }
}
