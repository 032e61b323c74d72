import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
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

/** Scripts, styles and fonts: the files below `assets/`. */
export async function assets(): Promise<Piece[]> {
  const below = async (folder: string): Promise<string[]> => {
    const entries = await readdir(join(BUILT, folder), { withFileTypes: true });
    const names = entries.map((entry) => {
      const name = `${folder}/${entry.name}`;
      return entry.isDirectory() ? below(name) : [name];
    });
    return (await Promise.all(names)).flat();
  };
  return Promise.all((await below('assets')).sort().map((path) => readPiece(join(BUILT, path), path)));
}
