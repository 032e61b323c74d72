import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { classCount } from '../../errors/counted.js';
import { DataError } from '../../errors/errors.js';
import { printable } from '../../errors/printable.js';
import { diskError } from '../../files/disk-error.js';
import { FORMATS, IMAGE_NAME } from './formats/format.js';
import type { ImageSource } from './source.js';

export interface FolderOptions {
  /** Follow symbolic links that lead out of the folder; default true. Links within it are always followed. */
  readonly followLinks?: boolean;
  /** Allowed classes, in order; default: all subfolders, sorted. */
  readonly classes?: readonly string[];
}

/** Maximum nesting of folders. */
const MAX_DEPTH = 32;
/** Maximum number of paths by which links lead to the same folder; nested links multiply them. */
const MAX_WAYS = 16;
/** Maximum number of file extensions listed in the remark about skipped files. */
const SHOWN_KINDS = 4;

interface Entry {
  readonly name: string;
  readonly folder: boolean;
}

/** Lists images in nested folders and counts what it skips. */
class Walk {
  /** Number of skipped files, by extension. */
  readonly #ignored = new Map<string, number>();
  #outside = 0;
  #broken = 0;
  #loops = 0;

  constructor(
    readonly root: string,
    readonly followLinks: boolean,
  ) {}

  /** Entries of a folder sorted by name, without hidden ones; links are resolved. */
  async list(folder: string): Promise<Entry[]> {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
      throw diskError(error, `cannot read the folder ${folder}`, DataError);
    });
    const found: Entry[] = [];
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      await refuseUnreadableName(folder, entry.name);
      const kind = entry.isSymbolicLink() ? await this.#target(path.join(folder, entry.name)) : entry;
      if (!kind) continue;
      // Opening a pipe or a device could block forever.
      if (kind.isDirectory() || kind.isFile()) found.push({ name: entry.name, folder: kind.isDirectory() });
      else this.#pass(entry.name);
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Target of a link; undefined if it is broken, or leads out of the root and `followLinks` is off. */
  async #target(link: string): Promise<Pick<Dirent, 'isDirectory' | 'isFile'> | undefined> {
    const target = await stat(link).catch(() => undefined);
    if (!target) {
      this.#broken++;
      return undefined;
    }
    if (this.followLinks || `${await realpath(link)}${path.sep}`.startsWith(this.root + path.sep))
      return target;
    this.#outside++;
    return undefined;
  }

  /** Whether a folder contains the root: it would bring in the other splits of the data set. */
  #isAbove(folder: string): boolean {
    const inner = path.relative(folder, this.root);
    return inner.split(path.sep)[0] !== '..' && !path.isAbsolute(inner);
  }

  #pass(name: string): void {
    const kind = path.extname(name).toLowerCase();
    this.#ignored.set(kind, (this.#ignored.get(kind) ?? 0) + 1);
  }

  /**
   * Lists the images below a folder sorted by name: the files of a folder first, then its subfolders.
   *
   * @param above its parent folders; a link to one of them would be a cycle
   * @param ways number of times each folder was entered
   */
  async images(
    folder: string,
    into: string[],
    above: readonly string[] = [this.root],
    ways = new Map<string, number>(),
  ): Promise<void> {
    if (above.length > MAX_DEPTH)
      throw new DataError({
        what: `${folder} is nested too deeply`,
        expected: `at most ${MAX_DEPTH} levels of folders`,
        got: 'more',
        next: 'look for symbolic links that form a cycle',
      });
    const real = await realpath(folder);
    if (above.includes(real) || this.#isAbove(real)) {
      this.#loops++;
      return;
    }
    const way = (ways.get(real) ?? 0) + 1;
    ways.set(real, way);
    if (way > MAX_WAYS)
      throw new DataError({
        what: `Links lead to ${real} again and again`,
        expected: `at most ${MAX_WAYS} ways to one folder of a class`,
        got: 'more',
        next: 'remove the links that lead to the same folders',
      });
    const entries = await this.list(folder);
    for (const { name, folder: isFolder } of entries) {
      if (isFolder) continue;
      if (IMAGE_NAME.test(name)) into.push(path.join(folder, name));
      else this.#pass(name);
    }
    for (const { name, folder: isFolder } of entries)
      if (isFolder) await this.images(path.join(folder, name), into, [...above, real], ways);
  }

  /** Messages for the user about skipped entries. */
  remarks(): string[] {
    const kinds = [...this.#ignored]
      .sort(([, a], [, b]) => b - a)
      .map(([kind]) => printable(kind || 'no extension'));
    const shown = [...kinds.slice(0, SHOWN_KINDS), ...(kinds.length > SHOWN_KINDS ? ['…'] : [])].join(', ');
    const ignored = [...this.#ignored.values()].reduce((sum, count) => sum + count, 0);
    const say = (count: number, one: string, many: string) =>
      count === 0 ? [] : [count === 1 ? `1 ${one}` : `${count} ${many}`];
    return [
      ...say(
        ignored,
        `file that is not an image was skipped (${shown})`,
        `files that are not images were skipped (${shown})`,
      ),
      ...say(this.#broken, 'link is broken', 'links are broken'),
      ...say(
        this.#loops,
        'link to a parent folder was not followed',
        'links to parent folders were not followed',
      ),
      ...say(
        this.#outside,
        'link that leads out of the folder was not followed',
        'links that lead out of the folder were not followed',
      ),
    ];
  }
}

/** Node.js replaces bytes of a name that are not UTF-8 by U+FFFD; such a file cannot be opened. */
async function refuseUnreadableName(folder: string, name: string): Promise<void> {
  if (!name.includes('\ufffd') || (await lstat(path.join(folder, name)).catch(() => undefined))) return;
  throw new DataError({
    what: `A name in ${folder} is not UTF-8`,
    expected: 'names of files and folders in UTF-8',
    got: printable(name),
    next: 'rename it, for example with: convmv -f latin1 -t utf8',
  });
}

/** Paths of the class folders by name. Names are normalised to NFC: composed and decomposed é are one class. */
async function classesIn(walk: Walk): Promise<Map<string, string[]>> {
  const classes = new Map<string, string[]>();
  for (const { name, folder } of await walk.list(walk.root)) {
    if (!folder) continue;
    const className = name.normalize('NFC');
    classes.set(className, [...(classes.get(className) ?? []), name]);
  }
  return new Map([...classes].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The names of the class folders in a folder, sorted. */
export async function classFolders(root: string, followLinks = true): Promise<string[]> {
  const top = await realpath(root).catch((error) => {
    throw diskError(error, `cannot read the folder ${root}`, DataError);
  });
  return [...(await classesIn(new Walk(top, followLinks))).keys()];
}

/**
 * Images in one folder per class, as in torchvision's ImageFolder: classes and files are sorted by name, hidden ones
 * skipped.
 *
 * @throws DataError if the folder is missing, has no subfolders, or has a class that is empty or not among `classes`
 */
export async function openFolder(root: string, options: FolderOptions = {}): Promise<ImageSource> {
  const top = await realpath(root).catch((error) => {
    throw diskError(error, `cannot read the folder ${root}`, DataError);
  });
  const walk = new Walk(top, options.followLinks ?? true);
  const folders = await classesIn(walk);
  const layout = 'a folder for each class, with its images inside';
  if (folders.size === 0)
    throw new DataError({ what: `${root} has no classes`, expected: layout, got: 'no subfolders' });
  const classes = options.classes ?? [...folders.keys()];
  const known = new Map(classes.map((name, label) => [name, label]));
  const files: string[] = [];
  const labels: number[] = [];
  const empty: string[] = [];
  for (const [name, places] of folders) {
    const label = known.get(name);
    if (label === undefined)
      throw new DataError({
        what: `${path.join(root, name)} is not a class of the training images`,
        expected: `one of their ${classCount(classes.length)}`,
        got: name,
        next: 'use the same class folders in both splits',
      });
    const before = files.length;
    for (const place of places) await walk.images(path.join(top, place), files);
    if (files.length === before) empty.push(name);
    while (labels.length < files.length) labels.push(label);
  }
  // A test split may lack images of a class; without given classes, every class folder must have images.
  if (files.length === 0 || (!options.classes && empty.length > 0))
    throw new DataError({
      what: `${root} has a class without images: ${empty.slice(0, 3).join(', ')}`,
      expected: `${FORMATS} in each class folder`,
      got: [`none in ${empty.length} of ${folders.size} folders`, ...walk.remarks()].join('; '),
      next: 'remove the empty folders, or put their images in',
    });
  const relative = files.map((file) => path.relative(top, file));
  return {
    place: root,
    length: files.length,
    classes,
    labels: Int32Array.from(labels),
    remarks: walk.remarks(),
    nameOf: (index) => printable(path.join(root, relative[index]!)),
    partOf: (index) => ({ file: files[index]! }),
    fingerprint: () => fingerprint(files, relative, labels),
  };
}

async function fingerprint(files: string[], names: string[], labels: number[]): Promise<string> {
  const hash = createHash('sha256');
  const AT_ONCE = 64;
  for (let from = 0; from < files.length; from += AT_ONCE) {
    const sizes = await Promise.all(
      files.slice(from, from + AT_ONCE).map(async (file) => (await stat(file).catch(() => undefined))?.size),
    );
    sizes.forEach((size, i) => {
      hash.update(`${labels[from + i]} ${size} ${names[from + i]}\n`);
    });
  }
  return hash.digest('hex');
}
