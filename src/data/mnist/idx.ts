import { DataError } from '../../errors/errors.js';
import { sizeOf } from '../../graph/types.js';

/** Element type code of unsigned bytes in an idx file, the only one that MNIST's files have. */
const BYTES = 0x08;
const MOST_DIMENSIONS = 8;

export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/**
 * Parses an idx file of bytes (LeCun's format): two zero bytes, the element type, the number of dimensions, then each
 * size as a big-endian 32-bit number, then the elements.
 *
 * @param file for messages
 * @throws DataError if it is not such a file, or is truncated, or continues after its elements
 */
export function parseIdx(file: string, bytes: Uint8Array): IdxArray {
  const refuse = (expected: string, got: string): never => {
    throw new DataError({
      what: `${file} is not an idx file of bytes`,
      expected,
      got,
      next: 'fetch it again (download: true), or name the folder of the right files',
    });
  };
  const dimensions = bytes[3] ?? 0;
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== BYTES || dimensions === 0)
    refuse('00 00 08 and a number of dimensions as its first bytes', hex(bytes.subarray(0, 4)));
  const header = 4 + 4 * dimensions;
  if (dimensions > MOST_DIMENSIONS || bytes.length < header)
    refuse(`a header of ${dimensions} sizes`, `${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const size = sizeOf(shape);
  if (bytes.length !== header + size)
    refuse(`${header + size} bytes, for ${shape.join(' × ')} elements`, `${bytes.length} bytes`);
  return { shape, data: bytes.subarray(header) };
}

const hex = (bytes: Uint8Array): string =>
  bytes.length === 0
    ? 'an empty file'
    : [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
