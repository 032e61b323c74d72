import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { CheckpointError } from '../errors/errors.js';
import { CHECKSUM_KEY } from './checksum-key.js';
import { diskError } from './disk-error.js';

/*
 * A file that contains its own SHA-256: the digest of all its bytes, computed with the 64 characters of the digest set
 * to zeros. It is stored as an ordinary string in a JSON file or in the header of a safetensors file, so other programs
 * can read the file.
 */

const PREFIX = 'paperweight-sha256:';
const ZEROS = '0'.repeat(64);
/** Placeholder until the digest is known. */
export const CHECKSUM_ROOM = PREFIX + ZEROS;

const WHOLE = new RegExp(`"${CHECKSUM_KEY}": ?"${PREFIX}([0-9a-f]{64})"`);
const PIECE_BYTES = 2 ** 22;
/** The longest header that the format's own reader accepts, in bytes. */
const MAX_HEADER = 100_000_000;

/** Offset of the digest in a file that begins with these bytes. */
export const digestOffset = (start: Uint8Array): number =>
  Buffer.from(start.buffer, start.byteOffset, start.byteLength).indexOf(CHECKSUM_ROOM) + PREFIX.length;

interface Expected {
  /** The stored digest; undefined if it is damaged. */
  readonly digest: string | undefined;
  /** Hash of the bytes so far. */
  readonly hash: Hash;
}

/** Finds the checksum in the first bytes of a file; undefined if the file has none. */
function expected(start: Buffer): Expected | undefined {
  const hash = createHash('sha256');
  const found = WHOLE.exec(start.toString('latin1'));
  if (found) {
    const at = found.index + found[0].length - 1 - ZEROS.length;
    hash.update(start.subarray(0, at)).update(ZEROS);
    hash.update(start.subarray(at + ZEROS.length));
    return { digest: found[1], hash };
  }
  // Key and value are both recognised: damage to one of them must not hide the checksum.
  return start.includes(CHECKSUM_KEY) || start.includes(PREFIX) ? { digest: undefined, hash } : undefined;
}

const NEXT = `restore the file from a copy; if it was edited on purpose, remove "${CHECKSUM_KEY}" from it`;

const damaged = (file: string, expected: string, got: string, next = NEXT): CheckpointError =>
  new CheckpointError({ what: `${file} is damaged, or another program changed it`, expected, got, next });

/** @throws CheckpointError if the digest of all bytes is not the stored one */
function compare(file: string, { digest, hash }: Expected, next?: string): void {
  const actual = hash.digest('hex');
  if (digest === undefined)
    throw damaged(file, 'a checksum of 64 hexadecimal digits', 'a damaged checksum', next);
  if (actual !== digest) throw damaged(file, `sha256 ${digest}`, `sha256 ${actual}`, next);
}

/**
 * Reads a whole safetensors file and verifies its checksum.
 *
 * @returns false if the file has no checksum, as files of other programs and of older versions
 * @throws CheckpointError if the checksum does not match, or the file cannot be read
 */
export async function verifyChecksum(file: string): Promise<boolean> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    const { size } = await handle.stat();
    const length = await read(handle, Buffer.alloc(8), 0);
    const header = length.length === 8 ? Number(length.readBigUInt64LE()) : size;
    if (8 + header > size || header > MAX_HEADER)
      throw damaged(file, 'a header inside of the file', `a header of ${header} bytes in ${size} bytes`);
    const sum = expected(await read(handle, Buffer.alloc(8 + header), 0));
    if (!sum) return false;
    if (sum.digest !== undefined) await digestRest(handle, 8 + header, sum.hash);
    compare(file, sum);
    return true;
  } catch (error) {
    throw diskError(error, `cannot read ${file}`, CheckpointError);
  } finally {
    await handle?.close();
  }
}

/** Hashes the rest of a file with two buffers: one is filled while the other is hashed. */
async function digestRest(handle: FileHandle, from: number, hash: Hash): Promise<void> {
  const buffers = [Buffer.alloc(PIECE_BYTES), Buffer.alloc(PIECE_BYTES)] as const;
  let piece = await read(handle, buffers[0], from);
  for (let turn = 1; piece.length > 0; turn++) {
    from += piece.length;
    const next = read(handle, buffers[turn % 2]!, from);
    hash.update(piece);
    piece = await next;
  }
}

/** Fills `into` from a position; returns fewer bytes only at the end of the file. */
async function read(handle: FileHandle, into: Buffer, position: number): Promise<Buffer> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return into.subarray(0, done);
}

/** The text of a JSON file with its checksum. */
export function jsonWithChecksum(value: object): string {
  const text = `${JSON.stringify({ ...value, [CHECKSUM_KEY]: CHECKSUM_ROOM }, null, 2)}\n`;
  const digest = createHash('sha256').update(text).digest('hex');
  const at = text.lastIndexOf(CHECKSUM_ROOM) + PREFIX.length;
  return text.slice(0, at) + digest + text.slice(at + ZEROS.length);
}

/**
 * Verifies the checksum of a JSON file; a file without a checksum passes.
 * @param next advice for the error message, instead of the general one
 * @throws CheckpointError if the checksum does not match
 */
export function verifyJson(file: string, bytes: Buffer, next?: string): void {
  const sum = expected(bytes);
  if (sum) compare(file, sum, next);
}
