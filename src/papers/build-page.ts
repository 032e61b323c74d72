import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../errors/errors.js';
import type { Text } from './claims/claim.js';
import { ResultFolder } from './claims/result.js';
import { claimRows, withoutTable } from './claims/table.js';
import type { PaperPage } from './page-types.js';
import { openPaper, paperFolder, paperIds } from './registry.js';

/** All papers, the default one first. */
export async function listPapers(): Promise<{ id: string; title: string }[]> {
  const papers = await Promise.all(paperIds().map((id) => openPaper(id)));
  return papers.map(({ id, name }) => ({ id, title: name }));
}

/**
 * Content of a paper's page, read from its source folder, which is part of the package.
 *
 * @param results folder of results to use instead of the paper's own
 * @throws UsageError for an unknown paper, CheckpointError if a result is not valid
 */
export async function paperPage(id: string, results?: string): Promise<PaperPage> {
  const paper = await openPaper(id);
  const folder = paperFolder(id);
  const measured = await ResultFolder.open(results ?? join(folder, 'results'), id);
  return {
    id,
    title: paper.name,
    notes: { en: await notesIn(folder, 'notes.md'), zh: await notesIn(folder, 'notes.zh.md') },
    claims: claimRows(paper, measured),
    figures: await figuresIn(figuresFolder(id)),
  };
}

/** Folder of a paper's images. */
export const figuresFolder = (id: string): string => join(paperFolder(id), 'figures');

const notesIn = async (folder: string, name: string): Promise<string> =>
  existsSync(join(folder, name)) ? withoutTable(await readFile(join(folder, name), 'utf8')) : '';

const IMAGES = ['.svg', '.png', '.jpg', '.webp'];
/** Titles of the images in a folder of figures. */
export const TITLES = 'titles.json';
const titlesSchema = z.record(z.string(), z.object({ en: z.string(), zh: z.string() }));

/** Marks the Chinese version of an image. */
const CHINESE = /\.zh(?=\.[a-z]+$)/;

/** The images in a folder, with titles from its `titles.json`, otherwise with their file names as titles. */
export async function figuresIn(folder: string): Promise<PaperPage['figures']> {
  if (!existsSync(folder)) return [];
  const file = join(folder, TITLES);
  const titles = existsSync(file) ? parseTitles(file, await readFile(file, 'utf8')) : {};
  const names = (await readdir(folder)).filter((name) => IMAGES.includes(extname(name))).sort();
  return names
    .filter((name) => !names.includes(name.replace(CHINESE, '')) || !CHINESE.test(name))
    .map((name) => {
      const plain = name.slice(0, -extname(name).length);
      const chinese = `${plain}.zh${extname(name)}`;
      return {
        file: { en: name, zh: names.includes(chinese) ? chinese : name },
        title: titles[name] ?? { en: plain, zh: plain },
      };
    });
}

/** Parses `titles.json`. @throws DataError if it is not valid */
export function parseTitles(file: string, text: string): Record<string, Text> {
  try {
    return titlesSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new DataError({
      what: `${file} is not a valid list of figure titles`,
      expected: '{ "name.svg": { "en": "…", "zh": "…" } }',
      got: error instanceof SyntaxError ? error.message : 'something else',
      cause: error,
    });
  }
}
