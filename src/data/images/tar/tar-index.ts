import { open } from 'node:fs/promises';
import { DataError } from '../../../errors/errors.js';
import { diskError } from '../../../files/disk-error.js';
import type { Positioned } from '../../../files/positioned.js';
import { parseTarHeader, TAR_BLOCK } from '../../download/untar.js';

/** A file inside an archive. */
export interface Member {
  readonly name: string;
  /** Byte offset of the contents in the archive. */
  readonly offset: number;
  readonly size: number;
}

/** A filter of small files to read, and a callback that receives their contents. */
export type SmallMembers = [
  wants: (name: string, size: number) => boolean,
  small: (member: Member, contents: Buffer) => void,
];

/** Maximum size of an extended header, such as a long name. */
const MAX_NOTE = 2 ** 20;

/** Read-ahead for local archives: one read covers many headers of small files. */
const WINDOW = 2 ** 20;

/** Buffered random access to a file, so that nearby headers cost one read. */
class Window {
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(
    readonly source: Positioned,
    readonly end: number,
  ) {}

  /** Returns fewer bytes than requested at the end of the file. */
  async read(offset: number, size: number): Promise<Buffer> {
    if (offset < this.#start || offset + size > this.#start + this.#bytes.length) {
      const bytes = Buffer.alloc(Math.max(0, Math.min(Math.max(WINDOW, size), this.end - offset)));
      const { bytesRead } = await this.source.read(bytes, 0, bytes.length, offset);
      this.#bytes = bytes.subarray(0, bytesRead);
      this.#start = offset;
    }
    const from = offset - this.#start;
    return this.#bytes.subarray(from, from + size);
  }
}

/** The path in a PAX extended header, `LENGTH path=NAME\n`. */
function paxPath(note: string): string | undefined {
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(note)?.[1];
}

/**
 * Lists the files of an uncompressed .tar archive without reading their contents, except for the small ones.
 *
 * @throws DataError for an archive that is damaged or truncated
 */
export async function listTar(archive: string, ...[wants, small]: SmallMembers): Promise<Member[]> {
  const handle = await open(archive, 'r').catch((error) => {
    throw diskError(error, `cannot read ${archive}`, DataError);
  });
  try {
    return await listMembers(archive, handle, (await handle.stat()).size, wants, small);
  } catch (error) {
    throw diskError(error, `cannot read ${archive}`, DataError);
  } finally {
    await handle.close();
  }
}

/** Like {@link listTar}, for any source of bytes. @param end size of the archive */
export async function listMembers(
  archive: string,
  source: Positioned,
  end: number,
  ...[wants, small]: SmallMembers
): Promise<Member[]> {
  const broken = (got: string) =>
    new DataError({
      what: `${archive} cannot be read`,
      expected: 'a complete, uncompressed .tar archive',
      got,
      next: 'create or download it again',
    });
  const window = new Window(source, end);
  const members: Member[] = [];
  let longName: string | undefined;
  for (let at = 0; ; ) {
    const block = await window.read(at, TAR_BLOCK);
    if (block.length < TAR_BLOCK) throw broken('a file without the end-of-archive blocks');
    if (block.every((byte) => byte === 0)) return members;
    const header = parseTarHeader(block);
    if (typeof header === 'string') throw broken(`${header} at byte ${at}`);
    const [offset, { size, type }] = [at + TAR_BLOCK, header];
    if (offset + size > end) throw broken(`a file that ends inside ${header.name}`);
    if (type === 'x' || type === 'L') {
      if (size > MAX_NOTE) throw broken(`an extended header of ${size} bytes at byte ${at}`);
      const note = (await window.read(offset, size)).toString('utf8');
      longName = type === 'L' ? note.replace(/\0.*$/s, '') : (paxPath(note) ?? longName);
    } else {
      const member = { name: longName ?? header.name, offset, size };
      longName = undefined;
      if (header.file) {
        members.push(member);
        if (wants(member.name, size)) small(member, await window.read(offset, size));
      }
    }
    at = offset + Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
  }
}
