import type { SiteNote } from '../../../site/page-types.js';
import { anchor, renderMarkdown } from '../../lib/markdown.js';
import type { Place } from '../frame.js';
import { notePath } from './paths.js';

/** A link of a note: its address in the site, or that it stays as it is; and what is wrong with it. */
export interface NoteLink {
  readonly address?: string;
  /** It leads elsewhere, as it stands there. */
  readonly outside?: true;
  readonly problem?: string;
}

/** What `siteRules` writes before the anchors of a page. */
const OWN = '#notes-';

const headings = new WeakMap<SiteNote, readonly string[]>();

/** Anchors of a note's headings. */
function headingsIn(note: SiteNote): readonly string[] {
  const known = headings.get(note);
  if (known) return known;
  const html = renderMarkdown(note.markdown, () => undefined);
  const found = [...html.matchAll(/<h[1-6] id="notes-([^"]*)"/g)].map(([, id]) => id!);
  headings.set(note, found);
  return found;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The path that a file names, from the folder of the notes. */
function resolved(from: string, path: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const part of path.replaceAll('\\', '/').split('/'))
    if (part === '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(part);
  return parts.join('/');
}

/** Other programs make anchors with other hyphens. */
const withoutHyphens = (text: string): string => text.replaceAll('-', '');

/** Where a link in a note leads: to a page of the web, to another note, or to a heading of one. */
export function linkOf(note: SiteNote, href: string, place: Place): NoteLink {
  if (/^https?:\/\//i.test(href)) return { outside: true };
  if (/^[a-z][a-z\d+.-]*:|^\/\//i.test(href))
    return { problem: `the link to ${href} is shown as text: it is not an address of the web` };
  const inside = href.startsWith(OWN);
  const [file = '', ...rest] = inside ? ['', href.slice(OWN.length)] : href.split('#');
  const path = file === '' ? note.source : resolved(note.source, decoded(file));
  const there = place.site.notes.filter(({ source }) => source === path);
  if (there.length === 0) return { problem: `the link to ${href} is shown as text: there is no such note` };
  const shown = rest.join('#');
  const wanted = withoutHyphens(anchor(decoded(shown)));
  const own = file === '' ? [note, ...there.filter((each) => each !== note)] : there;
  const pageOf = (each: SiteNote): string => place.page(notePath(each.id));
  if (wanted === '') return { address: pageOf(own[0]!) };
  for (const each of own) {
    const id = headingsIn(each).find((name) => withoutHyphens(name) === wanted);
    if (id !== undefined) return { address: `${each === note ? '' : pageOf(each)}${OWN}${id}` };
    // The title of a page is not a heading of its text.
    if (withoutHyphens(anchor(each.title)) === wanted) return { address: pageOf(each) };
  }
  const problem = `there is no heading for the link to ${file}#${shown}`;
  return file === '' ? { problem } : { address: pageOf(own[0]!), problem };
}
