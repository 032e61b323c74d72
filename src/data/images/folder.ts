import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { DataError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { IMAGE, type ImageSource } from './source.js';

export interface FolderOptions {
  /** Follow links that lead out of the folder; false unless given. Links inside of it are always followed. */
  readonly followLinks?: boolean;
  /** The classes that there may be, in order; all subfolders, sorted, unless given. */
  readonly classes?: readonly string[];
}

/** Folders within folders, at most; a link to a folder above would otherwise never end. */
const MAX_DEPTH = 32;

class Walk {
  ignored = 0;
  links = 0;

  constructor(
    readonly root: string,
    readonly followLinks: boolean,
  ) {}

  /** Entries of a folder by name, hidden ones left out, each with what it is after following links. */
  async list(folder: string): Promise<{ name: string; folder: boolean }[]> {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
      throw diskError(error, `cannot read the folder ${folder}`, DataError);
    });
    const found: { name: string; folder: boolean }[] = [];
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      const kind = entry.isSymbolicLink() ? await this.#target(path.join(folder, entry.name)) : entry;
      if (kind) found.push({ name: entry.name, folder: kind.isDirectory() });
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** What a link leads to; undefined for one that leads out of the root or nowhere. */
  async #target(link: string): Promise<Pick<Dirent, 'isDirectory'> | undefined> {
    const target = await realpath(link).catch(() => undefined);
    const inside = target !== undefined && (target + path.sep).startsWith(this.root + path.sep);
    if (target !== undefined && (inside || this.followLinks)) return stat(target);
    this.links++;
    return undefined;
  }

  /** Images below a folder in order of their names: a folder's own files first, then its subfolders. */
  async images(folder: string, into: string[], depth = 0): Promise<void> {
    if (depth > MAX_DEPTH)
      throw new DataError({
        what: `${folder} lies too deep`,
        expected: `at most ${MAX_DEPTH} folders within each other`,
        got: 'more',
        next: 'look for a link that leads back to a folder above it',
      });
    const entries = await this.list(folder);
    for (const { name, folder: isFolder } of entries) {
      if (isFolder) continue;
      if (IMAGE.test(name)) into.push(path.join(folder, name));
      else this.ignored++;
    }
    for (const { name, folder: isFolder } of entries)
      if (isFolder) await this.images(path.join(folder, name), into, depth + 1);
  }
}

/** The names of the class folders in a folder, sorted. */
export async function classFolders(root: string, followLinks = false): Promise<string[]> {
  const top = await realpath(root).catch((error) => {
    throw diskError(error, `cannot read the folder ${root}`, DataError);
  });
  const entries = await new Walk(top, followLinks).list(top);
  return entries.filter(({ folder }) => folder).map(({ name }) => name);
}

/**
 * Images in folders, one folder a class, as torchvision's ImageFolder finds them: classes and files sorted by
 * name, hidden ones passed over.
 *
 * @throws DataError for a folder that is missing, has no subfolders, or has a class that is empty or not expected
 */
export async function openFolder(root: string, options: FolderOptions = {}): Promise<ImageSource> {
  const top = await realpath(root).catch((error) => {
    throw diskError(error, `cannot read the folder ${root}`, DataError);
  });
  const walk = new Walk(top, options.followLinks ?? false);
  const folders = (await walk.list(top)).filter(({ folder }) => folder).map(({ name }) => name);
  const layout = 'a folder for each class, with its images inside';
  if (folders.length === 0)
    throw new DataError({ what: `${root} has no classes`, expected: layout, got: 'no subfolders' });
  const classes = options.classes ?? folders;
  const known = new Map(classes.map((name, label) => [name, label]));
  const files: string[] = [];
  const labels: number[] = [];
  const empty: string[] = [];
  for (const name of folders) {
    const label = known.get(name);
    if (label === undefined)
      throw new DataError({
        what: `${path.join(root, name)} is no class of the training images`,
        expected: `one of their ${classes.length} classes`,
        got: name,
        next: 'give both splits the same class folders',
      });
    const before = files.length;
    await walk.images(path.join(top, name), files);
    if (files.length === before) empty.push(name);
    while (labels.length < files.length) labels.push(label);
  }
  // A split may lack a class; the classes themselves may not be empty.
  if (files.length === 0 || (!options.classes && empty.length > 0))
    throw new DataError({
      what: `${root} has a class without images: ${empty.slice(0, 3).join(', ')}`,
      expected: 'JPEG, PNG, WebP, TIFF, GIF or AVIF files in each class folder',
      got: `none in ${empty.length} of ${folders.length} folders`,
      next: 'remove the empty folders, or put their images in',
    });
  const relative = files.map((file) => path.relative(top, file));
  return {
    place: root,
    length: files.length,
    classes,
    labels: Int32Array.from(labels),
    remarks: [
      ...(walk.ignored > 0 ? [`${walk.ignored} files that are no images were passed over`] : []),
      ...(walk.links > 0 ? [`${walk.links} links that lead out of the folder were not followed`] : []),
    ],
    nameOf: (index) => path.join(root, relative[index]!),
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
