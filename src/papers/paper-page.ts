import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../errors/errors.js';
import type { Text } from './claims/claim.js';
import { ResultFolder } from './claims/result.js';
import { claimRows, withoutTable } from './claims/table.js';
import type { PaperPage } from './page.js';
import { openPaper, paperFolder, paperIds } from './registry.js';

/** All papers, the default one first. */
export async function listPapers(): Promise<{ id: string; title: string }[]> {
  const papers = await Promise.all(paperIds().map((id) => openPaper(id)));
  return papers.map(({ id, name }) => ({ id, title: name }));
}

/**
 * What a paper's page shows, from its source folder, which is part of the package.
 *
 * @param results another folder of results than the paper's own
 * @throws UsageError for a paper that there is not, CheckpointError for a result that is not one
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

/** Where a paper's images are. */
export const figuresFolder = (id: string): string => join(paperFolder(id), 'figures');

const notesIn = async (folder: string, name: string): Promise<string> =>
  existsSync(join(folder, name)) ? withoutTable(await readFile(join(folder, name), 'utf8')) : '';

const IMAGES = ['.svg', '.png', '.jpg', '.webp'];
/** The file of a folder of figures that holds their titles. */
export const TITLES = 'titles.json';
const titlesSchema = z.record(z.string(), z.object({ en: z.string(), zh: z.string() }));

/** Of an image with Chinese words that stands for another one. */
const CHINESE = /\.zh(?=\.[a-z]+$)/;

/** The images of a folder, titled by its `titles.json`, or else by their names. */
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

/** The titles in a text. @throws DataError for a text that holds none */
export function parseTitles(file: string, text: string): Record<string, Text> {
  try {
    return titlesSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new DataError({
      what: `${file} does not hold the titles of figures`,
      expected: '{ "name.svg": { "en": "…", "zh": "…" } }',
      got: error instanceof SyntaxError ? error.message : 'something else',
      cause: error,
    });
  }
}
