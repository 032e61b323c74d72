import { CheckpointError } from '../../errors/errors.js';
import { type ByteSource, checkEndianness } from '../../files/byte-source.js';
import { CHECKSUM_KEY } from '../../files/checksum-key.js';
import { blank, type FileArray, viewBytes, widthOf } from '../numbers.js';
import { type Entry, MAX_HEADER, parseHeader } from './header.js';

/** An open safetensors file: the list of its arrays, which are read one at a time. */
export interface SafetensorsReader {
  /** In the order of the bytes in the file. */
  readonly tensors: ReadonlyMap<string, Entry>;
  readonly metadata: Readonly<Record<string, string>>;
  /** @throws CheckpointError for a name that the file does not have */
  read(name: string): Promise<FileArray>;
  /** Reads an array in chunks of at most `bytes` bytes; a chunk is valid until the next one is requested. */
  pieces(name: string, bytes?: number): AsyncGenerator<Uint8Array, void, void>;
}

const PIECE_BYTES = 4 * 1024 * 1024;

/** @throws CheckpointError if the first bytes are those of another format for weights */
function refuseOtherFormats(file: string, first: Uint8Array): void {
  // The header length could begin with the same bytes, but byte 8 of a safetensors file is always "{".
  if (first[8] === 0x7b) return;
  const zip = first[0] === 0x50 && first[1] === 0x4b;
  const pickle = first[0] === 0x80 && first[1]! >= 2 && first[1]! <= 5;
  if (!zip && !pickle) return;
  throw new CheckpointError({
    what: `${file} is not a safetensors file`,
    expected: 'a .safetensors file',
    got: zip
      ? 'a zip file, as PyTorch writes .pt and .pth'
      : 'a Python pickle, as older PyTorch writes .pt and .pth',
    next: 'read it with readWeights, which supports both',
  });
}

/**
 * Reads and validates the header: its length, JSON, dtypes, shapes, and offsets, which must cover the file without gaps
 * or overlaps.
 *
 * @throws CheckpointError that names the file and the fault
 */
export async function openSafetensors(source: ByteSource): Promise<SafetensorsReader> {
  checkEndianness();
  const { name: file, size } = source;
  const first = new Uint8Array(Math.min(size, 16));
  await source.read(first, 0);
  refuseOtherFormats(file, first);
  const broken = (what: string, expected: string, got: string) =>
    new CheckpointError({
      what: `${file} is not a valid safetensors file: ${what}`,
      expected,
      got,
      next: 'fetch or write the file again',
    });
  if (size < 10) throw broken('it is too short', 'at least 10 bytes', `${size} bytes`);
  const length = Number(new DataView(first.buffer).getBigUint64(0, true));
  if (length < 2 || length > MAX_HEADER)
    throw broken('its header length is not valid', `2 to ${MAX_HEADER} bytes`, `${length} bytes`);
  if (8 + length > size)
    throw broken('it ends inside its header', `at least ${8 + length} bytes`, `${size} bytes`);
  const text = new Uint8Array(length);
  await source.read(text, 8);
  const base = 8 + length;
  const { entries, metadata } = parseHeader(file, text, size - base);
  delete metadata[CHECKSUM_KEY];
  const tensors = new Map(entries.map((entry) => [entry.name, entry]));
  const find = (name: string): Entry => {
    const entry = tensors.get(name);
    if (entry) return entry;
    throw new CheckpointError({
      what: `${file} has no tensor "${name}"`,
      expected: [...tensors.keys()].slice(0, 6).join(', ') || 'nothing: it is empty',
      got: `"${name}"`,
    });
  };
  return {
    tensors,
    metadata,
    async read(name) {
      const entry = find(name);
      const array = blank(entry.dtype, entry.shape);
      await source.read(viewBytes(array.data), base + entry.begin);
      return array;
    },
    async *pieces(name, bytes = PIECE_BYTES) {
      const entry = find(name);
      const each = Math.max(1, Math.floor(bytes / widthOf(entry))) * widthOf(entry);
      const buffer = new Uint8Array(Math.min(each, entry.end - entry.begin));
      for (let at = entry.begin; at < entry.end; at += each) {
        const piece = buffer.subarray(0, Math.min(each, entry.end - at));
        await source.read(piece, base + at);
        yield piece;
      }
    },
  };
}
