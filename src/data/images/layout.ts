import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { DataError } from '../../errors/errors.js';
import { excerpt } from '../../errors/excerpt.js';
import { printable } from '../../errors/printable.js';
import { diskError } from '../../files/disk-error.js';
import { textOf } from '../../files/system/text.js';
import { namesFromList, parseSynsets } from './class-list.js';

/** Files that map ImageNet's folders to names, one `n01440764 tench, Tinca tinca` per line. */
const SYNSET_FILES = ['LOC_synset_mapping.txt', 'synset_words.txt'];
/** File with one name per line. */
const LIST_FILE = 'classes.txt';

export interface ClassNames {
  /** Names by folder. */
  readonly synsets: ReadonlyMap<string, string>;
  /** Lines of the list of names. */
  readonly list: readonly string[] | undefined;
}

/** Trimmed, non-empty lines of a text. */
export const linesOf = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

const lines = async (file: string): Promise<string[] | undefined> => {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw diskError(error, `cannot read ${file}`, DataError);
  });
  return bytes ? linesOf(textOf(file, bytes, DataError)) : undefined;
};

/** Reads class names from the optional files beside the splits of a data set. */
export async function classNames(root: string): Promise<ClassNames> {
  const synsets = new Map<string, string>();
  for (const file of SYNSET_FILES)
    for (const [synset, name] of parseSynsets((await lines(path.join(root, file))) ?? []))
      synsets.set(synset, name);
  return { synsets, list: await lines(path.join(root, LIST_FILE)) };
}

/**
 * Display names of class folders.
 * @throws DataError if the list of names does not name each folder
 */
export function named(classes: readonly string[], { synsets, list }: ClassNames): readonly string[] {
  const names = list
    ? namesFromList(LIST_FILE, classes, list)
    : classes.map((name) => synsets.get(name) ?? name);
  const shown = names.map(printable);
  const second = list ? shown.findIndex((name, i) => shown.indexOf(name) < i) : -1;
  if (second < 0) return shown;
  const first = shown.indexOf(shown[second]!);
  throw new DataError({
    what: `${LIST_FILE} gives two class folders one name`,
    expected: 'a different name for each folder',
    got: `${shown[second]} for ${excerpt([classes[first]!, classes[second]!])}`,
    next: 'give them different names, or move the images into one folder if they are one class',
  });
}

/**
 * Folder for data computed from a data set: `.paperweight` in its folder, or a subfolder of the folder in the
 * environment variable PAPERWEIGHT_CACHE.
 */
export function cacheFolder(root: string): string {
  const named = process.env.PAPERWEIGHT_CACHE;
  if (!named) return path.join(root, '.paperweight');
  const full = path.resolve(root);
  const hash = createHash('sha256').update(full).digest('hex').slice(0, 8);
  return path.join(named, `${path.basename(full)}-${hash}`);
}
