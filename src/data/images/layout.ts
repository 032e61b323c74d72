import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { DataError } from '../../errors/errors.js';
import { printable } from '../../errors/printable.js';
import { diskError } from '../../files/disk-error.js';
import { namesFromList, parseSynsets } from './class-list.js';

/** Files that say what ImageNet's folders show, one `n01440764 tench, Tinca tinca` a line. */
const SYNSET_FILES = ['LOC_synset_mapping.txt', 'synset_words.txt'];
/** A name a line. */
const LIST_FILE = 'classes.txt';

export interface ClassNames {
  /** From folder to name. */
  readonly synsets: ReadonlyMap<string, string>;
  /** The lines of a list. */
  readonly list: readonly string[] | undefined;
}

/** The lines of a text, trimmed, without empty ones. */
export const linesOf = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

const lines = async (file: string): Promise<string[] | undefined> => {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw diskError(error, `cannot read ${file}`, DataError);
  });
  return text === undefined ? undefined : linesOf(text);
};

/** Names of the classes, from the files that a data set may have beside its splits. */
export async function classNames(root: string): Promise<ClassNames> {
  const synsets = new Map<string, string>();
  for (const file of SYNSET_FILES)
    for (const [synset, name] of parseSynsets((await lines(path.join(root, file))) ?? []))
      synsets.set(synset, name);
  return { synsets, list: await lines(path.join(root, LIST_FILE)) };
}

/**
 * The names of class folders, as people call them.
 * @throws DataError for a list that does not name each of them
 */
export function named(classes: readonly string[], { synsets, list }: ClassNames): readonly string[] {
  const names = list
    ? namesFromList(LIST_FILE, classes, list)
    : classes.map((name) => synsets.get(name) ?? name);
  return names.map(printable);
}

/**
 * Where things that were computed from a data set are kept: `.paperweight` in its folder, or a folder of its own
 * in the one that PAPERWEIGHT_CACHE names.
 */
export function cacheFolder(root: string): string {
  const named = process.env.PAPERWEIGHT_CACHE;
  if (!named) return path.join(root, '.paperweight');
  const full = path.resolve(root);
  const hash = createHash('sha256').update(full).digest('hex').slice(0, 8);
  return path.join(named, `${path.basename(full)}-${hash}`);
}
