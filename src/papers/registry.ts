import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../errors/errors.js';
import { didYouMean } from '../errors/nearest.js';
import { manifest } from '../version.js';
import type { Paper } from './paper.js';

/** Folder of the compiled papers: each subfolder with an `index.js` is a paper. */
const COMPILED = fileURLToPath(new URL('.', import.meta.url));
/** Folder of their sources with notes, results and figures, which are part of the package. */
const SOURCES = fileURLToPath(new URL('../../../src/papers/', import.meta.url));

/** The ids of all papers, the default one first. */
export function paperIds(): string[] {
  const ids = readdirSync(COMPILED, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(COMPILED, entry.name, 'index.js')))
    .map((entry) => entry.name)
    .sort();
  const first = defaultPaper();
  return [...ids.filter((id) => id === first), ...ids.filter((id) => id !== first)];
}

/** Default paper of all commands: `paperweight.defaultPaper` in package.json. */
export const defaultPaper = (): string => manifest().paperweight.defaultPaper;

/** @throws UsageError for an unknown paper */
export async function openPaper(id: string = defaultPaper()): Promise<Paper> {
  const ids = paperIds();
  if (!ids.includes(id))
    throw new UsageError({
      what: `There is no paper "${id}"`,
      expected: `one of ${ids.join(', ')}`,
      got: `"${id}"`,
      next: didYouMean(id, ids, 'create it with: paperweight new'),
    });
  const { default: paper } = (await import(`./${id}/index.js`)) as { default?: Paper };
  if (paper?.id === id) return paper;
  throw new UsageError({
    what: `The paper in src/papers/${id} is not valid`,
    expected: `export default definePaper({ id: '${id}', … }) in its index.ts`,
    got: paper === undefined ? 'no default export' : `id ${paper.id}`,
  });
}

/** True if the sources belong to a writable clone rather than an installed package. */
export const isClone = (): boolean => existsSync(join(SOURCES, 'paper.ts'));

/** A paper's source folder: `notes.md`, `notes.zh.md`, `results/`, `figures/`. */
export const paperFolder = (id: string): string => join(SOURCES, id);
