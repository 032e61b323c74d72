import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { plainText } from '../../display/plain-text.js';
import { DataError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { textOf } from '../../files/system/text.js';
import type { Piece } from '../copies.js';
import { uniqueNames } from '../names.js';
import type { NoteImage, Renderer, SiteNote, SitePaper } from '../page-types.js';
import { type FrontMatter, languageOf, parseFrontMatter } from './front-matter.js';
import { imageOf } from './images.js';
import { noteFiles } from './note-files.js';
import { type Section, sectionsOf } from './notebook.js';

/** Notes for the site, their images, and what could not be shown. */
export interface NotesPart {
  readonly notes: readonly SiteNote[];
  readonly pieces: readonly Piece[];
  readonly problems: readonly string[];
}

/** Longer notes are not read: 5 MB. */
const MOST_BYTES = 5_000_000;
const ENDINGS = ['.md', '.markdown', '.txt'];

/** A note before its images are found. */
interface Read extends Section {
  readonly file: string;
  /** The file from the folder of the notes, with `/`. */
  readonly source: string;
}

/**
 * A person's own notes.
 *
 * @param path a folder, in which each Markdown file, also in folders below, is a note, or a notebook in one file, in which each top heading is one
 * @param imagesIn finds the images of a text
 * @throws DataError if it cannot be read, or front matter is not valid
 */
export async function gatherNotes(
  path: string,
  papers: readonly SitePaper[],
  imagesIn: Renderer['imagesIn'],
): Promise<NotesPart> {
  const problems: string[] = [];
  const read = await readNotes(path, problems);
  const names = uniqueNames(
    read.map(({ fields, file }) => fields.title ?? basename(file, extname(file))),
    'note',
  );
  const pieces = new Map<string, Piece>();
  const notes: SiteNote[] = [];
  const root = statSync(path).isDirectory() ? path : dirname(path);
  for (const [i, each] of read.entries()) {
    const { fields, body, file, source } = each;
    const id = names[i]!;
    const images: Record<string, NoteImage> = {};
    const named = imagesIn(body);
    if (!named) problems.push(`${file}: its Markdown is nested too deeply, and is shown as its source`);
    for (const href of named ?? []) {
      const found = await imageOf(root, href, `notes/${id}`, dirname(source));
      if ('problem' in found) problems.push(`${file}: ${found.problem}`);
      else {
        images[href] = found.image;
        pieces.set(found.piece.path, found.piece);
      }
    }
    const note = noteOf(id, named ? each : { ...each, body: asSource(body) }, images, papers);
    notes.push(note);
    if (fields.paper !== undefined && !papers.some((paper) => paper.id === note.paper))
      problems.push(`${file}: the site has no paper "${fields.paper}"; its name is shown without a link`);
  }
  return { notes: notes.sort(newestFirst), pieces: [...pieces.values()], problems };
}

/** A text as a block of code, whatever is in it. */
function asSource(text: string): string {
  const longest = (text.match(/`+/g) ?? []).reduce((most, { length }) => Math.max(most, length), 2);
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}

/** By period, the latest first; notes without one come last. */
const newestFirst = (a: SiteNote, b: SiteNote): number =>
  (b.period ?? '').localeCompare(a.period ?? '') || a.title.localeCompare(b.title);

function noteOf(
  id: string,
  { fields, body, file, source }: Read,
  images: SiteNote['images'],
  papers: readonly SitePaper[],
): SiteNote {
  const { title = basename(file, extname(file)), period, tags, language = languageOf(body) } = fields;
  const paper = paperOf(fields, title, papers);
  return {
    id,
    title,
    language,
    tags,
    source,
    markdown: body,
    images,
    ...(period === undefined ? {} : { period }),
    ...(paper === undefined ? {} : { paper }),
  };
}

/** The id of a paper on the site, or the words of the note for one that is not there. */
function paperOf(fields: FrontMatter, title: string, papers: readonly SitePaper[]): string | undefined {
  const same = (word: string) =>
    papers.find((paper) => [paper.id, paper.title].some((name) => name.toLowerCase() === word.toLowerCase()));
  return same(fields.paper ?? title)?.id ?? fields.paper;
}

async function readNotes(path: string, problems: string[]): Promise<Read[]> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found)
    throw new DataError({
      what: `There are no notes at ${path}`,
      expected: 'a folder of Markdown files, or one Markdown file',
      got: 'nothing',
      next: 'check the path of --notes',
    });
  if (!found.isDirectory()) return readNotebook(path, problems);
  const read: Read[] = [];
  for (const source of await noteFiles(path, problems)) {
    const file = join(path, source);
    const { fields, body, problems: odd } = parseFrontMatter(await readText(file), file);
    problems.push(...odd);
    const sections = sectionsOf(body);
    const only = sections.length === 1 ? sections[0]! : undefined;
    // A note takes the title of its only section; several sections stay parts of it.
    const own = only?.fields.title !== undefined && fields.title === undefined ? only : undefined;
    read.push({
      file,
      source,
      body: own?.body ?? body,
      fields: { ...own?.fields, ...fields, tags: joined(own, fields) },
    });
  }
  return read;
}

const joined = (section: Section | undefined, { tags }: FrontMatter): string[] => [
  ...new Set([...(section?.fields.tags ?? []), ...tags]),
];

/** The notes of a notebook in one file. @throws DataError */
async function readNotebook(file: string, problems: string[]): Promise<Read[]> {
  const { fields, body, problems: odd } = parseFrontMatter(await readNote(file), file);
  problems.push(...odd);
  return sectionsOf(body).map((section) => ({
    file,
    source: basename(file),
    body: section.body,
    fields: { ...fields, ...section.fields, tags: joined(section, fields) },
  }));
}

/** The text of a note. @throws DataError if it is not a Markdown file in UTF-8 */
export async function readNote(file: string): Promise<string> {
  if (ENDINGS.includes(extname(file).toLowerCase())) return readText(file);
  throw new DataError({
    what: `${file} is not a Markdown file`,
    expected: `a name that ends in ${ENDINGS.join(', ')}`,
    got: basename(file),
    next: 'name a note in Markdown',
  });
}

async function readText(file: string): Promise<string> {
  try {
    const { size } = statSync(file);
    if (!statSync(file).isFile() || size > MOST_BYTES)
      throw new DataError({
        what: `${file} is not a note`,
        expected: `a text file of at most ${MOST_BYTES / 1e6} MB`,
        got: `${size} bytes`,
      });
    return plainText(textOf(file, await readFile(file), DataError).replaceAll(/\r\n?/g, '\n'));
  } catch (error) {
    throw diskError(error, `cannot read ${file}`, DataError);
  }
}
