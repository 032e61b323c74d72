import { open } from 'node:fs/promises';
import { DataError } from '../../../errors/errors.js';
import { diskError } from '../../../files/disk-error.js';
import type { Positioned } from '../../../files/positioned.js';
import { parseTarHeader, TAR_BLOCK } from '../../untar.js';

/** A file in an archive. */
export interface Member {
  readonly name: string;
  /** Of the first byte, in the archive. */
  readonly offset: number;
  readonly size: number;
}

/** Which small files to read, and who gets their contents as they are met. */
export type SmallMembers = [
  wants: (name: string, size: number) => boolean,
  small: (member: Member, contents: Buffer) => void,
];

/** Longest note about the next entry, such as a long name. */
const MAX_NOTE = 2 ** 20;

/** Archives on this machine: one read brings many headers of small files. */
const WINDOW = 2 ** 20;

/** Reads pieces of a file through a window, so that headers close to each other cost one read. */
class Window {
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(
    readonly source: Positioned,
    readonly end: number,
  ) {}

  /** Fewer bytes than asked for at the end of the file. */
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

/** The name in a PAX note, `LENGTH path=NAME\n`. */
function paxPath(note: string): string | undefined {
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(note)?.[1];
}

/**
 * Lists the files of an uncompressed .tar archive without reading their contents.
 *
 * @throws DataError for an archive that is broken or cut short
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

/** {@link listTar} of bytes that lie anywhere; `end` is how many there are. */
export async function listMembers(
  archive: string,
  source: Positioned,
  end: number,
  ...[wants, small]: SmallMembers
): Promise<Member[]> {
  const broken = (got: string) =>
    new DataError({
      what: `${archive} cannot be read`,
      expected: 'a whole, uncompressed .tar archive',
      got,
      next: 'make or fetch it again',
    });
  const window = new Window(source, end);
  const members: Member[] = [];
  let longName: string | undefined;
  for (let at = 0; ; ) {
    const block = await window.read(at, TAR_BLOCK);
    if (block.length < TAR_BLOCK) throw broken('an end without the closing blocks');
    if (block.every((byte) => byte === 0)) return members;
    const header = parseTarHeader(block);
    if (typeof header === 'string') throw broken(`${header} at byte ${at}`);
    const [offset, { size, type }] = [at + TAR_BLOCK, header];
    if (offset + size > end) throw broken(`an end inside ${header.name}`);
    if (type === 'x' || type === 'L') {
      if (size > MAX_NOTE) throw broken(`a note of ${size} bytes at byte ${at}`);
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
