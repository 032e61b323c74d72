import type { SiteNote } from '../../../site/page-types.js';
import { htmlLanguage, type Page, type Place } from '../frame.js';
import { hasFormulas } from '../lib/formulas.js';
import { noteProse } from '../lib/note-prose.js';
import { notePath, paperPath } from '../lib/paths.js';
import { type Prose, textOf } from '../lib/prose.js';
import { Contents } from '../parts/contents.js';
import { wordsOf } from '../words.js';

/** Characters of a note in previews of links. */
const SHOWN = 180;

/** A person's own note. */
export function notePageOf(note: SiteNote, place: Place): Page {
  const prose = noteProse(note, place);
  const text = textOf(prose.html.replace(/<pre.*?<\/pre>/gs, ' '));
  const formulas = hasFormulas(prose.html);
  return {
    path: notePath(note.id),
    title: note.title,
    description: text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text,
    body: <Body note={note} prose={prose} place={place} />,
    ...(formulas ? { styles: ['katex.css', 'formulas.css'] } : {}),
  };
}

function Body({ note, prose, place }: { note: SiteNote; prose: Prose; place: Place }) {
  const foreign = note.language === place.language ? {} : { lang: htmlLanguage(note.language) };
  return (
    <div class="page paper-page">
      <div class="paper-title">
        <h1 {...foreign}>{note.title}</h1>
        <NoteFacts note={note} place={place} />
      </div>
      <Contents headings={prose.headings} />
      <div class="paper-body">
        <article class="prose" {...foreign} dangerouslySetInnerHTML={{ __html: prose.html }} />
      </div>
    </div>
  );
}

/** Paper, period and tags of a note. */
export function NoteFacts({ note, place }: { note: SiteNote; place: Place }) {
  const words = wordsOf(place.language);
  const paper = place.site.papers.find(({ id }) => id === note.paper);
  const about =
    note.paper === undefined ? undefined : paper ? (
      <a href={place.page(paperPath(paper.id))}>{paper.title}</a>
    ) : (
      note.paper
    );
  if (about === undefined && note.period === undefined && note.tags.length === 0) return null;
  return (
    <div class="note-facts">
      {about !== undefined && (
        <span>
          {words.paper}
          {words.colon}
          {about}
        </span>
      )}
      {note.period !== undefined && <span class="num">{note.period}</span>}
      {note.tags.length > 0 && (
        <ul class="tags">
          {note.tags.map((tag) => (
            <li key={tag} class="tag">
              <a href={`${place.page('search.html')}?q=${encodeURIComponent(tag)}`}>{tag}</a>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
