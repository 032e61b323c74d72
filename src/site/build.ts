import { basename, resolve } from 'node:path';
import { UsageError } from '../errors/errors.js';
import { paperIds } from '../papers/registry.js';
import { version } from '../version.js';
import type { Piece } from './copies.js';
import { feeds } from './feed.js';
import { gatherLive } from './live/live.js';
import { gatherNotes } from './notes/notes.js';
import type { SiteContent } from './page-types.js';
import { gatherPaper } from './papers.js';
import { previewImage } from './preview.js';
import { assets, openRenderer, trainPage } from './renderer.js';
import { gatherRun } from './runs.js';
import { SiteFolder } from './site-folder.js';

export interface SiteOptions {
  readonly out: string;
  /** Run folders. */
  readonly runs: readonly string[];
  /** A folder of notes, or a notebook in one file. */
  readonly notes?: string;
  /** A run whose weights classify visitors' images. */
  readonly live?: string;
  readonly title?: string;
  /** Where the site will be: see {@link parseBase}. */
  readonly base?: Base;
  readonly onProgress?: (what: string) => void;
}

/** Where a site will be at its server. */
export interface Base {
  /** Begins and ends with `/`. */
  readonly path: string;
  /** The whole address, if it is known. */
  readonly address?: string;
}

/** `/path/`, or `https://host/path/`. @returns undefined for anything else */
export function parseBase(text: string): Base | undefined {
  if (/^\/(?!\/)[^?#\s\\]*$/.test(text)) return { path: withSlash(text) };
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.search || url.hash || url.username || url.password) return undefined;
  url.pathname = withSlash(url.pathname);
  return { path: url.pathname, address: url.href };
}

const withSlash = (path: string): string => (path.endsWith('/') ? path : `${path}/`);

/** What only pages with formulas need. */
const FORMULAS = /^assets\/(katex\.css|fonts\/)/;

/** What only the live demo needs. */
const LIVE = /^assets\/live/;

/** Writes a site. @returns what was written */
export async function buildSite(options: SiteOptions): Promise<{
  readonly pages: number;
  readonly written: number;
  readonly removed: number;
  /** What was left out, and why. */
  readonly problems: readonly string[];
}> {
  const { out, base, title, onProgress = () => {} } = options;
  const renderer = await openRenderer();
  const folder = await SiteFolder.open(out);
  const pieces: Piece[] = [];
  const runs = [];
  const problems: string[] = [];
  for (const [path, id] of runNames(options.runs)) {
    onProgress(path);
    const part = await gatherRun(path, id, (problem) => problems.push(`${path}: ${problem}`));
    runs.push(part.run);
    pieces.push(...part.pieces);
  }
  const live = options.live === undefined ? undefined : await gatherLive(options.live);
  if (live) pieces.push(...live.pieces, ...(live.live.train ? await trainPage() : []));
  const papers = [];
  for (const id of paperIds()) {
    onProgress(id);
    try {
      const part = await gatherPaper(id);
      papers.push(part.paper);
      pieces.push(...part.pieces);
    } catch (error) {
      // The code of a paper may throw anything; the others keep their pages.
      problems.push(`The paper ${id} is left out: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const own =
    options.notes === undefined
      ? { notes: [], pieces: [], problems: [] }
      : await gatherNotes(options.notes, papers, renderer.imagesIn);
  pieces.push(...own.pieces);
  const content: SiteContent = {
    ...(title === undefined ? {} : { title }),
    ...(base ? { base: base.path } : {}),
    ...(base?.address === undefined ? {} : { address: base.address }),
    version: version(),
    papers,
    runs,
    notes: own.notes,
    ...(live ? { live: live.live } : {}),
  };
  const files = renderer.renderSite(content);
  const formulas = files.some(({ path }) => path === 'assets/formulas.css');
  pieces.push(
    ...(await assets()).filter(
      ({ path }) => (formulas || !FORMULAS.test(path)) && (live !== undefined || !LIVE.test(path)),
    ),
  );
  for (const { path, text } of files) pieces.push({ path, bytes: Buffer.from(text) });
  const now = new Date().toISOString();
  if (content.address !== undefined) {
    pieces.push(...feeds(content, files, (path, bytes) => folder.since(path, bytes, now)));
    pieces.push(await previewImage(content));
  }
  const done = await folder.write(pieces, now);
  return {
    pages: files.filter(({ path }) => path.endsWith('.html')).length,
    ...done,
    problems: [...problems, ...own.problems, ...renderer.problemsIn(content)],
  };
}

/** The pages' names of runs: their folders' names, in characters that need no escape. @throws UsageError */
function runNames(paths: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const path of paths) {
    const name = basename(resolve(path))
      .normalize('NFKC')
      .replaceAll(/[^\p{L}\p{N}.-]+/gu, '-')
      .replaceAll(/^[.-]+|[.-]+$/g, '');
    const id = name === '' ? `run-${names.size + 1}` : name;
    const twin = [...names].find(([, other]) => other.toLowerCase() === id.toLowerCase());
    if (twin)
      throw new UsageError({
        what: `The runs ${twin[0]} and ${path} have the same name`,
        expected: 'another folder name for each run',
        got: id,
        next: 'rename one of the folders, or leave one out',
      });
    names.set(path, id);
  }
  return names;
}
