import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { DataError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';

/** Size of a header in bytes; contents are padded to a multiple of it. */
export const TAR_BLOCK = 512;

/** A file that was extracted from an archive. */
export interface Extracted {
  bytes: number;
  /** MD5 in hexadecimal. */
  md5: string;
}

export interface UntarOptions {
  /** Path of a .tar.gz file. */
  archive: string;
  /** An existing folder, into which the files are written directly. */
  into: string;
  /** File names without folder. Each must be in the archive exactly once; other entries are skipped. */
  wanted: readonly string[];
  /** Names among `files` that may be missing. */
  optional?: readonly string[];
  /** Maximum size of a file in bytes; default 1 GiB. */
  maxFileBytes?: number;
}

/** Reads exact numbers of bytes from a stream of chunks. */
class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** The next 1 to `limit` bytes; undefined at the end. */
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

  /** Passes exactly `count` bytes to `use`, in pieces. @returns false if the stream ends early */
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
  /** A regular file: not a folder, link or extended header. */
  file: boolean;
  /** The type flag of the header. */
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

/** Parses a header. @returns the header, or a string that describes what is wrong with it */
export function parseTarHeader(block: Buffer): TarHeader | string {
  let sum = 0;
  // The checksum is computed with its own eight bytes as spaces.
  for (let i = 0; i < TAR_BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : block[i]!;
  if (octal(block, 148, 8) !== sum) return 'a header with a wrong checksum';
  const magic = text(block, 257, 5);
  // Archives from before POSIX leave the field empty.
  if (magic !== 'ustar' && magic !== '') return `a header with unknown magic ${JSON.stringify(magic)}`;
  const size = octal(block, 124, 12);
  if (!Number.isSafeInteger(size)) return 'a header without a valid size';
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

/** Receives the bytes of one file of an archive. */
export interface Sink {
  write(piece: Buffer): Promise<void>;
  /** Called when the file is complete. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Unpacking {
  readonly wanted: readonly string[];
  readonly maxFileBytes: number;
  /** Makes the error for an archive that is not valid. */
  readonly broken: (got: string) => DataError;
  /** Receives the extracted files, by name. */
  readonly found: Map<string, Extracted>;
  readonly open: (name: string) => Promise<Sink>;
}

/**
 * Extracts the wanted files from a stream of an uncompressed .tar archive; reads it to the end.
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
      throw broken(`a file name that leads out of the folder (${JSON.stringify(name)})`);
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
      if (!whole) throw broken(`a file that ends inside ${base}`);
      await sink.sync();
    } finally {
      await sink.close();
    }
    found.set(base, { bytes: size, md5: hash.digest('hex') });
  }

  for (;;) {
    const pieces: Buffer[] = [];
    if (!(await reader.exactly(TAR_BLOCK, (piece) => void pieces.push(piece)))) {
      throw broken(
        pieces.length === 0 ? 'a file without the end-of-archive blocks' : 'a file that ends inside a header',
      );
    }
    const block = Buffer.concat(pieces);
    if (block.every((byte) => byte === 0)) break;
    const header = parseTarHeader(block);
    if (typeof header === 'string') throw broken(header);
    const take = header.file && wanted.includes(path.posix.basename(header.name));
    if (take) await extract(header);
    // The remaining bytes are padding, or the contents of an entry that is skipped.
    const padding = (TAR_BLOCK - (header.size % TAR_BLOCK)) % TAR_BLOCK;
    const skip = take ? padding : header.size + padding;
    if (!(await reader.exactly(skip, () => {}))) throw broken(`a file that ends after ${header.name}`);
  }
  // Read to the end, so that gzip verifies its checksum.
  while (await reader.some(2 ** 20));
}

/**
 * Extracts named files from a .tar.gz archive by streaming. Files are written under their base names, so no path in the
 * archive can lead out of `into`; links and devices are never created.
 *
 * @returns the extracted files, by name
 * @throws DataError for an archive that is damaged, truncated, unsafe or lacks a wanted file, and for a disk error
 */
export async function extractTarGz(options: UntarOptions): Promise<Map<string, Extracted>> {
  const { archive, into, wanted, optional = [], maxFileBytes = 2 ** 30 } = options;
  const broken = (got: string, cause?: unknown) =>
    new DataError({
      what: `${archive} cannot be unpacked`,
      expected: 'a complete .tar.gz archive',
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
