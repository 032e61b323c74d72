import { createHash } from 'node:crypto';
import { realpathSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import sharp from 'sharp';
import type { Piece } from '../copies.js';
import type { NoteImage } from '../page-types.js';

/** Larger image files are not published. */
const MOST_BYTES = 40_000_000;
/** Images with more pixels are not opened. */
const MOST_PIXELS = 100_000_000;
/** Longest side on the site; larger images are scaled down. */
const MOST_SIDE = 2400;
/** Formats that browsers show, with the name's ending. */
const KEPT: Readonly<Record<string, string>> = {
  jpeg: 'jpg',
  png: 'png',
  webp: 'webp',
  gif: 'gif',
  avif: 'avif',
};

export type Found = { readonly image: NoteImage; readonly piece: Piece } | { readonly problem: string };

/** A path as notes on any system write it. */
function decoded(href: string): string {
  try {
    return decodeURIComponent(href).replaceAll('\\', '/');
  } catch {
    return href.replaceAll('\\', '/');
  }
}

/**
 * An image that a note names: a file in the folder of the notes or below, no matter what the name or a link on the way says.
 * What is published is an image and nothing else: it is decoded, and drawings (SVG), which could contain scripts, become
 * pixels.
 *
 * @param root folder of the notes
 * @param place folder of its images in the site
 * @param from folder of the note, from the root
 */
export async function imageOf(root: string, href: string, place: string, from = '.'): Promise<Found> {
  const name = decoded(href);
  const problem = (what: string) => ({ problem: `${href} ${what}` });
  if (/^[a-z][a-z\d+.-]*:|^\/\//i.test(name)) return problem('is not on this machine, and is left out');
  const file = inside(root, join(from, name));
  if (file === undefined) return problem('is not a file in the folder of the notes');
  if (statSync(file).size > MOST_BYTES) return problem(`has more than ${MOST_BYTES / 1e6} MB`);
  try {
    const bytes = await readFile(file);
    const input = { limitInputPixels: MOST_PIXELS, animated: true };
    const { format, width = 0, height = 0, pages = 1 } = await sharp(bytes, input).metadata();
    if (width * height > MOST_PIXELS) return problem(`has more than ${MOST_PIXELS / 1e6} million pixels`);
    const ending = extname(file).toLowerCase() === '.svg' ? undefined : KEPT[format ?? ''];
    const side = Math.max(width, height / pages);
    const kept = ending !== undefined && side <= MOST_SIDE;
    const scaled = { width: MOST_SIDE, height: MOST_SIDE, fit: 'inside', withoutEnlargement: true } as const;
    const out = kept
      ? { data: bytes, info: { width, height: Math.round(height / pages) } }
      : await sharp(bytes, { limitInputPixels: MOST_PIXELS, density: 144 })
          .rotate()
          .resize(scaled)
          [ending === 'jpg' ? 'jpeg' : 'png']()
          .toBuffer({ resolveWithObject: true });
    const hash = createHash('sha256').update(out.data).digest('hex').slice(0, 16);
    const path = `${place}/${hash}.${kept ? ending : ending === 'jpg' ? 'jpg' : 'png'}`;
    const { width: w, height: h } = out.info;
    return { image: { file: path, size: { width: w, height: h } }, piece: { path, bytes: out.data } };
  } catch {
    return problem('is not an image that can be read');
  }
}

/** The real path of a regular file below a folder; undefined if there is none, or it is elsewhere. */
export function inside(root: string, name: string): string | undefined {
  if (name.includes('\0')) return undefined;
  try {
    const [folder, file] = [realpathSync(root), realpathSync(join(root, name))];
    return file.startsWith(folder.endsWith(sep) ? folder : folder + sep) && statSync(file).isFile()
      ? file
      : undefined;
  } catch {
    return undefined;
  }
}
