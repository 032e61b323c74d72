import { lstat, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import sharp from 'sharp';
import { DataError } from '../errors/errors.js';
import { diskError } from '../files/disk-error.js';
import type { SiteImage } from './page-types.js';

/** A file that goes into the site. */
export interface Piece {
  /** From the site's root, with `/`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Larger files are not copied: 50 MB. */
const MOST_BYTES = 50_000_000;

/** A file's bytes for the site. Links are not followed: they could lead out of the folder. @throws DataError */
export async function readPiece(file: string, path: string): Promise<Piece> {
  try {
    const found = await lstat(file);
    if (!found.isFile() || found.size > MOST_BYTES)
      throw new DataError({
        what: `${file} cannot be part of the site`,
        expected: `a file of at most ${MOST_BYTES / 1e6} MB`,
        got: found.isFile() ? `${found.size} bytes` : found.isSymbolicLink() ? 'a link' : 'no file',
      });
    return { path, bytes: await readFile(file) };
  } catch (error) {
    throw diskError(error, `cannot read ${file}`, DataError);
  }
}

/** Width and height of an image; undefined if it is not one. */
export async function sizeOf({ path, bytes }: Piece): Promise<SiteImage['size']> {
  const svg = extname(path).toLowerCase() === '.svg' ? Buffer.from(bytes.subarray(0, 600)).toString() : '';
  const drawn = /<svg[^>]*\swidth="(\d+)[^>]*\sheight="(\d+)/.exec(svg);
  if (drawn) return { width: Number(drawn[1]), height: Number(drawn[2]) };
  const { width, height } = await sharp(bytes)
    .metadata()
    .catch(() => ({ width: undefined, height: undefined }));
  return width && height ? { width, height } : undefined;
}
