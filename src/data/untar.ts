import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { DataError } from '../errors/errors.js';
import { diskError } from '../files/disk-error.js';

/** Bytes of a header; contents are padded to a multiple. */
export const TAR_BLOCK = 512;

/** What was written for one file of an archive. */
export interface Extracted {
  bytes: number;
  /** In hexadecimal. */
  md5: string;
}

export interface UntarOptions {
  /** Path of a .tar.gz file. */
  archive: string;
  /** An existing folder; the files go straight into it. */
  into: string;
  /** File names without a folder. Each must be in the archive exactly once; everything else is passed over. */
  wanted: readonly string[];
  /** Wanted names that may be absent. */
  optional?: readonly string[];
  /** The longest file to write, in bytes; 1 GiB unless given. */
  maxFileBytes?: number;
}

/** Reads a byte stream by amounts instead of by chunks. */
class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Some bytes, at most `limit` and at least one; undefined at the end. */
  async some(limit: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return undefined;
      this.#rest = value;
    }
    const taken = this.#rest.subarray(0, limit);
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }

  /** Hands exactly `count` bytes to `use`; false when the stream ends before. */
  async exactly(count: number, use: (piece: Buffer) => Promise<void> | void): Promise<boolean> {
    for (let left = count; left > 0; ) {
      const piece = await this.some(left);
      if (!piece) return false;
      left -= piece.length;
      await use(piece);
    }
    return true;
  }
}

export interface TarHeader {
  name: string;
  size: number;
  /** An ordinary file, and no folder, link or note about the next entry. */
  file: boolean;
  /** The kind as the format writes it. */
  type: string;
}

function text(block: Buffer, from: number, length: number): string {
  const field = block.subarray(from, from + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end);
}

function octal(block: Buffer, from: number, length: number): number {
  const digits = text(block, from, length).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

/** What a header says; a string says what is wrong with it. */
export function parseTarHeader(block: Buffer): TarHeader | string {
  let sum = 0;
  // The checksum counts its own eight bytes as blanks.
  for (let i = 0; i < TAR_BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : block[i]!;
  if (octal(block, 148, 8) !== sum) return 'a header with a wrong checksum';
  const magic = text(block, 257, 5);
  // Before POSIX the field was empty.
  if (magic !== 'ustar' && magic !== '') return `a header of an unknown kind (${JSON.stringify(magic)})`;
  const size = octal(block, 124, 12);
  if (!Number.isSafeInteger(size)) return 'a header without a proper size';
  const posix = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = posix ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  const type = String.fromCharCode(block[156]!);
  return {
    name: prefix ? `${prefix}/${name}` : name,
    size,
    file: type === '0' || type === '\0' || type === '7',
    type,
  };
}

/** Where the bytes of a file of an archive go. */
export interface Sink {
  write(piece: Buffer): Promise<void>;
  /** Called when the file is whole. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Unpacking {
  readonly wanted: readonly string[];
  readonly maxFileBytes: number;
  /** Makes the error for an archive that is not as it should be. */
  readonly broken: (got: string) => DataError;
  /** Gets what was written, by name. */
  readonly found: Map<string, Extracted>;
  readonly open: (name: string) => Promise<Sink>;
}

/**
 * Takes the wanted files out of an uncompressed .tar archive that streams by, to its end.
 *
 * @throws DataError from `broken`
 */
export async function unpackTar(
  source: AsyncIterable<Buffer>,
  { wanted, maxFileBytes, broken, found, open }: Unpacking,
): Promise<void> {
  const reader = new ByteReader(source);

  async function extract({ name, size }: TarHeader): Promise<void> {
    const base = path.posix.basename(name);
    if (name.startsWith('/') || name.split('/').includes('..')) {
      throw broken(`a file that points out of the folder (${JSON.stringify(name)})`);
    }
    if (found.has(base)) throw broken(`${base} twice`);
    if (size > maxFileBytes) throw broken(`${base} of ${size} bytes, above the limit of ${maxFileBytes}`);
    const hash = createHash('md5');
    const sink = await open(base);
    try {
      const whole = await reader.exactly(size, async (piece) => {
        hash.update(piece);
        await sink.write(piece);
      });
      if (!whole) throw broken(`an end inside ${base}`);
      await sink.sync();
    } finally {
      await sink.close();
    }
    found.set(base, { bytes: size, md5: hash.digest('hex') });
  }

  for (;;) {
    const pieces: Buffer[] = [];
    if (!(await reader.exactly(TAR_BLOCK, (piece) => void pieces.push(piece)))) {
      throw broken(pieces.length === 0 ? 'an end without the closing blocks' : 'an end inside a header');
    }
    const block = Buffer.concat(pieces);
    if (block.every((byte) => byte === 0)) break;
    const header = parseTarHeader(block);
    if (typeof header === 'string') throw broken(header);
    const take = header.file && wanted.includes(path.posix.basename(header.name));
    if (take) await extract(header);
    // The remaining bytes are padding to a whole block, or the whole of an entry that is passed over.
    const padding = (TAR_BLOCK - (header.size % TAR_BLOCK)) % TAR_BLOCK;
    const skip = take ? padding : header.size + padding;
    if (!(await reader.exactly(skip, () => {}))) throw broken(`an end after ${header.name}`);
  }
  // To the end, so that gzip's own checksum is verified.
  while (await reader.some(2 ** 20));
}

/**
 * Extracts named files from a .tar.gz archive, streaming. A file is written under its bare, wanted name, so no
 * path in the archive can lead out of `into`; links and devices are never made.
 *
 * @returns what was written, by name
 * @throws DataError for an archive that is broken, cut short, suspicious or without a wanted file, and when the
 *   disk refuses
 */
export async function extractTarGz(options: UntarOptions): Promise<Map<string, Extracted>> {
  const { archive, into, wanted, optional = [], maxFileBytes = 2 ** 30 } = options;
  const broken = (got: string, cause?: unknown) =>
    new DataError({
      what: `${archive} cannot be unpacked`,
      expected: 'a whole .tar.gz archive',
      got,
      next: 'delete it and download it again',
      cause,
    });

  async function fileIn(base: string): Promise<Sink> {
    const target = path.join(into, base);
    const refused = (error: unknown) => {
      throw diskError(error, `cannot write ${target}`, DataError);
    };
    const handle = await open(target, 'wx').catch(refused);
    return {
      write: (piece) => handle.writeFile(piece).catch(refused),
      sync: () => handle.sync(),
      close: () => handle.close(),
    };
  }

  const found = new Map<string, Extracted>();
  try {
    await pipeline(createReadStream(archive), createGunzip(), (source: AsyncIterable<Buffer>) =>
      unpackTar(source, { wanted, maxFileBytes, broken, found, open: fileIn }),
    );
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code.startsWith('Z_')) throw broken((error as Error).message, error);
    throw diskError(error, `cannot unpack ${archive}`, DataError);
  }
  const missing = wanted.filter((name) => !found.has(name) && !optional.includes(name));
  if (missing.length > 0) throw broken(`no ${missing.join(', ')}`);
  return found;
}
