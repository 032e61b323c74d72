import { CheckpointError } from '../../errors/errors.js';
import { crc32 } from '../../files/crc32.js';
import { checkWhole } from '../numbers.js';

/** A record to write: its size, and its bytes in chunks. */
export interface ZipSource {
  readonly name: string;
  readonly size: number;
  readonly pieces: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** Alignment of records in bytes, as in PyTorch, so that they can be memory-mapped. */
const ALIGNMENT = 64;
/** Flags: the checksum follows the data, and names are UTF-8. */
const FLAGS = 0x0808;
const LIMIT = 2 ** 32 - 1;
/** 1 January 1980, the earliest date of the format; a fixed date keeps files reproducible. */
const DATE = 0x21;

/**
 * A zip archive of uncompressed records (PKWARE's APPNOTE 6.3), as chunks for `writeFileAtomic`. The data of each record
 * begins at a multiple of 64 bytes, by means of a padding field (`FB`, as in PyTorch).
 *
 * @throws CheckpointError for archives of 4 GiB or more, and if a record's bytes do not match its declared size
 */
export async function* zipPieces(records: readonly ZipSource[]): AsyncGenerator<Uint8Array, void, void> {
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, size, pieces } of records) {
    const path = Buffer.from(name);
    const bare = at + 30 + path.length + 4;
    const padding = (ALIGNMENT - (bare % ALIGNMENT)) % ALIGNMENT;
    const begin = at;
    const header = Buffer.alloc(30 + path.length + 4 + padding, 'Z');
    header.writeUInt32LE(0x04034b50, 0);
    common(header, 4, { crc: 0, size: 0, path: path.length });
    header.writeUInt16LE(4 + padding, 28);
    path.copy(header, 30);
    header.write('FB', 30 + path.length);
    header.writeUInt16LE(padding, 30 + path.length + 2);
    yield header;
    let crc = 0;
    let left = size;
    for await (const piece of pieces()) {
      crc = crc32(piece, crc);
      left -= piece.length;
      yield piece;
    }
    checkWhole(name, left);
    const descriptor = Buffer.alloc(16);
    descriptor.writeUInt32LE(0x08074b50, 0);
    descriptor.writeUInt32LE(crc, 4);
    descriptor.writeUInt32LE(size, 8);
    descriptor.writeUInt32LE(size, 12);
    yield descriptor;
    at += header.length + size + descriptor.length;
    if (at > LIMIT)
      throw new CheckpointError({
        what: 'the weights are too large for a .pth file written here',
        expected: 'less than 4 GiB',
        got: `${at} bytes and more`,
        next: 'write a .safetensors file, which has no such limit',
      });
    const listed = Buffer.alloc(46 + path.length);
    listed.writeUInt32LE(0x02014b50, 0);
    // Version 0, no particular system, as in PyTorch.
    listed.writeUInt16LE(0, 4);
    common(listed, 6, { crc, size, path: path.length });
    listed.writeUInt32LE(begin, 42);
    path.copy(listed, 46);
    directory.push(listed);
  }
  const listing = Buffer.concat(directory);
  yield listing;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(records.length, 8);
  end.writeUInt16LE(records.length, 10);
  end.writeUInt32LE(listing.length, 12);
  end.writeUInt32LE(at, 16);
  yield end;
}

/** The fields shared by a record's local header and its entry in the directory. */
function common(
  header: Buffer,
  at: number,
  { crc, size, path }: { crc: number; size: number; path: number },
): void {
  header.writeUInt16LE(0, at);
  header.writeUInt16LE(FLAGS, at + 2);
  header.writeUInt16LE(0, at + 4);
  header.writeUInt16LE(0, at + 6);
  header.writeUInt16LE(DATE, at + 8);
  header.writeUInt32LE(crc, at + 10);
  header.writeUInt32LE(size, at + 14);
  header.writeUInt32LE(size, at + 18);
  header.writeUInt16LE(path, at + 22);
}
