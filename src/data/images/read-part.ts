import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DataError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import type { FilePart } from './source.js';

/** Most bytes of an image's file. */
const MAX_BYTES = 2 ** 28;
/** Larger buffers are not kept. */
const KEPT_BYTES = 2 ** 22;

let kept = new Uint8Array(0);

/**
 * Reads the bytes of an image.
 *
 * @param name what messages call it
 * @returns good until the next call; fewer bytes than asked for when the file ends early
 * @throws DataError when they cannot be read, or are too many for an image
 */
export function readPart({ file, range }: FilePart, name: string): Uint8Array {
  try {
    const handle = openSync(file, 'r');
    try {
      const { offset, size } = range ?? { offset: 0, size: fstatSync(handle).size };
      if (size > MAX_BYTES)
        throw new DataError({
          what: `${name} is too large a file for an image`,
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
