import { createHash } from 'node:crypto';
import { existsSync, lstatSync, type Stats } from 'node:fs';
import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { CheckpointError, UsageError } from '../errors/errors.js';
import { writeFileAtomic } from '../files/atomic.js';
import { diskError } from '../files/disk-error.js';
import { makeFolder } from '../files/make-folder.js';
import { realPath } from '../files/real-path.js';
import type { Piece } from './copies.js';

/** Lists the files of a site; a folder that contains it is recognised as a site. */
const LIST = '.paperweight-site.json';

const listSchema = z.object({
  version: z.literal(1),
  files: z.record(z.string(), z.object({ sha256: z.string(), since: z.string() })),
});
type Files = z.infer<typeof listSchema>['files'];

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * The folder of a site. Only files that a former site wrote are replaced and removed; any others, such as `CNAME` or
 * `.git`, stay. A site that is written again changes only the files that differ, and its first page last.
 */
export class SiteFolder {
  private constructor(
    readonly path: string,
    readonly former: Files,
  ) {}

  /**
   * @throws UsageError if the folder has files and is not a former site
   * @throws CheckpointError if it cannot be read
   */
  static async open(path: string): Promise<SiteFolder> {
    try {
      const folder = realPath(path);
      if (!existsSync(folder)) return new SiteFolder(folder, {});
      if (!lstatSync(folder).isDirectory())
        throw new UsageError({
          what: `--out ${path} cannot be the folder of a site`,
          expected: 'a folder',
          got: 'a file',
          next: 'name another folder',
        });
      const names = await readdir(folder);
      if (names.length === 0) return new SiteFolder(folder, {});
      if (!names.includes(LIST)) throw notASite(path, names);
      return new SiteFolder(folder, await readList(join(folder, LIST)));
    } catch (error) {
      throw diskError(error, `cannot read ${path}`, CheckpointError);
    }
  }

  /** When the page at a path got its present content; now if it is new or differs. */
  since(path: string, bytes: Uint8Array, now: string): string {
    const before = this.former[path];
    return before?.sha256 === sha256(bytes) ? before.since : now;
  }

  /**
   * Writes the files, then removes those of the former site that are no longer part of it.
   *
   * @throws UsageError, before anything is written, if a file or a link that is not the site's own is in the way
   * @throws CheckpointError if the disk is full or read-only
   */
  async write(pieces: readonly Piece[], now: string): Promise<{ written: number; removed: number }> {
    for (const { path } of pieces) this.#refuseForeign(path);
    const files: Files = {};
    for (const { path, bytes } of pieces)
      files[path] = { sha256: sha256(bytes), since: this.since(path, bytes, now) };
    try {
      await makeFolder(this.path);
      // Until all is done, the list has the files of both sites: what is interrupted can be repeated.
      await this.#writeList({ ...files, ...this.former });
      const changed: Piece[] = [];
      for (const piece of pieces) if (!(await this.#has(piece))) changed.push(piece);
      for (const { path, bytes } of inOrder(changed)) {
        await makeFolder(join(this.path, dirname(path)));
        await writeFileAtomic(join(this.path, path), bytes);
      }
      const gone = Object.keys(this.former).filter((path) => !Object.hasOwn(files, path));
      for (const path of gone) await this.#remove(path);
      await this.#writeList(files);
      return { written: changed.length, removed: gone.length };
    } catch (error) {
      throw diskError(error, `cannot write the site into ${this.path}`, CheckpointError);
    }
  }

  /** Whether the disk has these bytes already. */
  async #has({ path, bytes }: Piece): Promise<boolean> {
    const there = this.#entries(path).at(-1);
    if (!there?.last || !there.found.isFile() || there.found.size !== bytes.length) return false;
    return sha256(await readFile(there.place)) === sha256(bytes);
  }

  /** The folders along a path and the file itself, as far as they exist. */
  #entries(path: string): { readonly place: string; readonly found: Stats; readonly last: boolean }[] {
    const parts = path.split('/');
    const entries = [];
    for (const [i] of parts.entries()) {
      const place = join(this.path, ...parts.slice(0, i + 1));
      const found = lstatSync(place, { throwIfNoEntry: false });
      if (!found) break;
      entries.push({ place, found, last: i === parts.length - 1 });
      if (!found.isDirectory()) break;
    }
    return entries;
  }

  /** @throws UsageError if the path leads through a link, or holds something that no former site wrote */
  #refuseForeign(path: string): void {
    for (const { place, found, last } of this.#entries(path)) {
      const fits = last ? found.isFile() && Object.hasOwn(this.former, path) : found.isDirectory();
      if (!fits)
        throw new UsageError({
          what: `${place} is in the way of the site`,
          expected: 'no file, or one that a former site wrote',
          got: found.isSymbolicLink() ? 'a link' : found.isDirectory() ? 'a folder' : 'another file',
          next: 'move it away, or name another folder with --out',
        });
    }
  }

  /** Removes a file of the former site, unless something else has taken its place. */
  async #remove(path: string): Promise<void> {
    const entries = this.#entries(path);
    const own = entries.every(({ found, last }) => (last ? found.isFile() : found.isDirectory()));
    if (!own || !entries.at(-1)?.last) return;
    await rm(join(this.path, path));
    // Folders that have become empty go with their last file.
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder))
      if (
        !(await rmdir(join(this.path, folder)).then(
          () => true,
          () => false,
        ))
      )
        return;
  }

  async #writeList(files: Files): Promise<void> {
    await writeFileAtomic(join(this.path, LIST), `${JSON.stringify({ version: 1, files }, null, 1)}\n`);
  }
}

/** Pages come after the files that they use, and the first page comes last. */
const inOrder = (pieces: readonly Piece[]): Piece[] => {
  const rank = ({ path }: Piece): number => (path === 'index.html' ? 2 : path.endsWith('.html') ? 1 : 0);
  return [...pieces].sort((a, b) => rank(a) - rank(b));
};

const notASite = (path: string, names: readonly string[]): UsageError =>
  new UsageError({
    what: `--out ${path} has files and is not a site`,
    expected: 'an empty or new folder, or one that paperweight site wrote',
    got: names.slice(0, 5).join(', ') + (names.length > 5 ? ', …' : ''),
    next: 'name another folder',
  });

async function readList(file: string): Promise<Files> {
  const text = await readFile(file, 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Refused below.
  }
  const parsed = listSchema.safeParse(value);
  const fits = parsed.success && Object.keys(parsed.data.files).every(isInside);
  if (fits) return parsed.data.files;
  throw new CheckpointError({
    what: `${file} is not the list of a site's files`,
    expected: 'the list that paperweight site wrote',
    got: 'something else',
    next: 'name another folder with --out',
  });
}

/** Whether a path stays inside of the site: a list that was changed must not remove files elsewhere. */
const isInside = (path: string): boolean =>
  path !== '' &&
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\:]/.test(part));
