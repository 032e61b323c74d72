import { renderToString } from 'preact-render-to-string';
import { LANGUAGES } from '../../display/languages.js';
import type { SiteContent, SiteFile } from '../../site/page-types.js';
import { Frame, type Page, type Place, placeOf } from './frame.js';
import { forgetFormulas, formulaStyles } from './lib/formulas.js';
import { type Found, foundIn } from './lib/found.js';
import { noteProse } from './lib/note-prose.js';
import { notePath, paperPath, runPath } from './lib/paths.js';
import { indexPageOf } from './pages/index-page.js';
import { livePageOf } from './pages/live-page.js';
import { notePageOf } from './pages/note-page.js';
import { paperPageOf } from './pages/paper-page.js';
import { runPageOf } from './pages/run-page.js';
import { missingPageOf, searchPageOf } from './pages/small-pages.js';

/*
 * Draws all pages of a site, as text. The build bundles this file with its libraries into dist/site/render.js, which
 * `src/site/` loads: an installed package needs none of them.
 */

/** A page that is still to be drawn at its place. */
interface Planned {
  readonly path: string;
  readonly draw: (place: Place) => Page;
  /** Whether it is in the search index and in the feed. */
  readonly listed: boolean;
}

function plan(site: SiteContent): Planned[] {
  const { live } = site;
  const listed = (path: string, draw: Planned['draw']): Planned => ({ path, draw, listed: true });
  const other = (path: string, draw: Planned['draw']): Planned => ({ path, draw, listed: false });
  return [
    ...site.papers.map((paper) => listed(paperPath(paper.id), (place) => paperPageOf(paper, place))),
    ...site.runs.map((run) => listed(runPath(run.id), (place) => runPageOf(run, place))),
    ...site.notes.map((note) => listed(notePath(note.id), (place) => notePageOf(note, place))),
    other('index.html', (place) => indexPageOf(site, place)),
    other('search.html', (place) => searchPageOf(site, place)),
    ...(live ? [other('live.html', (place) => livePageOf(live, place))] : []),
  ];
}

const drawn = (page: Page, place: Place): string =>
  `<!DOCTYPE html>\n${renderToString(<Frame page={page} place={place} />)}\n`;

export function renderSite(site: SiteContent): SiteFile[] {
  forgetFormulas();
  const files: SiteFile[] = [];
  for (const language of LANGUAGES) {
    const found: Found[] = [];
    for (const { path, draw, listed } of plan(site)) {
      const place = placeOf(site, path, language);
      const page = draw(place);
      const text = drawn(page, place);
      const { title, description } = page;
      files.push({ path: place.path, text, ...(listed ? { entry: { language, title, description } } : {}) });
      if (listed) found.push(...foundIn(text, place.path, title));
    }
    files.push({
      path: `assets/search-${language}.js`,
      text: `globalThis.paperweightFound=${JSON.stringify(found)};\n`,
    });
  }
  const styles = formulaStyles();
  if (styles !== '') files.push({ path: 'assets/formulas.css', text: styles });
  const { base } = site;
  if (base !== undefined) {
    // Shown for addresses of any depth, so its links begin at the server's root.
    const place = placeOf(site, '404.html', 'en');
    const atRoot = { ...place, to: (path: string) => base + path, page: (path: string) => base + path };
    files.push({ path: '404.html', text: drawn(missingPageOf(site, atRoot), atRoot) });
  }
  return files;
}

/** What the notes have that cannot be shown as it stands there. */
export const problemsIn = (site: SiteContent): string[] =>
  site.notes.flatMap((note) => {
    const found = new Set<string>();
    const place = placeOf(site, notePath(note.id), note.language);
    noteProse(note, place, (problem) => found.add(`${note.source}: ${problem}`));
    return [...found];
  });

export { imagesIn } from './lib/images-in.js';
