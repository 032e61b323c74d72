import { CheckpointError } from '../errors/errors.js';

/** Random access to bytes: an open file, or a buffer. */
export interface ByteSource {
  /** The file's path, for messages. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Fills `into` with the bytes from `position` on. @throws if the source ends before `into` is full */
  read(into: Uint8Array, position: number): Promise<void>;
}

/** Bytes in memory. */
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

/** @throws CheckpointError on a big-endian machine */
export function checkEndianness(): void {
  if (new Uint8Array(Uint16Array.of(1).buffer)[0] === 1) return;
  throw new CheckpointError({ what: 'files of weights are little-endian and this machine is big-endian' });
}
