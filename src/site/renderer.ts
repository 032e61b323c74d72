import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { UsageError } from '../errors/errors.js';
import { type Piece, readPiece } from './copies.js';
import type { Renderer } from './page-types.js';

/** What the build of the pages leaves: the renderer, and the files that each site has a copy of. */
const BUILT = fileURLToPath(new URL('../../site/', import.meta.url));

/** @throws UsageError if the pages are not built */
export async function openRenderer(): Promise<Renderer> {
  const file = join(BUILT, 'render.js');
  if (existsSync(file)) return (await import(pathToFileURL(file).href)) as Renderer;
  throw new UsageError({
    what: 'The pages of sites are not built',
    expected: file,
    got: 'no such file',
    next: 'npm run build',
  });
}

/** Files of the page that trains networks. */
const TRAIN = 'train';

/** Networks that the page for training knows. */
export async function trainableNetworks(): Promise<string[]> {
  const file = join(BUILT, 'networks.json');
  return existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as string[]) : [];
}

/** The page that trains networks. */
export const trainPage = (): Promise<Piece[]> => built(TRAIN);

/** Scripts, styles and fonts: the files below `assets/`. */
export const assets = (): Promise<Piece[]> => built('assets');

async function built(root: string): Promise<Piece[]> {
  const below = async (folder: string): Promise<string[]> => {
    const entries = await readdir(join(BUILT, folder), { withFileTypes: true });
    const names = entries.map((entry) => {
      const name = `${folder}/${entry.name}`;
      return entry.isDirectory() ? below(name) : [name];
    });
    return (await Promise.all(names)).flat();
  };
  return Promise.all((await below(root)).sort().map((path) => readPiece(join(BUILT, path), path)));
}
