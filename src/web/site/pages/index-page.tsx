import type { SiteContent, SitePaper } from '../../../site/page-types.js';
import { useApp } from '../../app/context.js';
import { percent } from '../../lib/format.js';
import { Tally } from '../../views/paper/claims.js';
import { type Page, type Place, siteTitle } from '../frame.js';
import { notePath, paperPath, runPath } from '../lib/paths.js';
import { wordsOf } from '../words.js';
import { NoteFacts } from './note-page.js';

export const indexPageOf = (site: SiteContent, place: Place): Page => ({
  path: 'index.html',
  title: siteTitle(site),
  description: wordsOf(place.language).lead,
  body: <Body place={place} />,
});

function Body({ place }: { place: Place }) {
  const { site, language } = place;
  const { t } = useApp();
  const words = wordsOf(language);
  return (
    <div class="page">
      <h1>{siteTitle(site)}</h1>
      <p class="lead">{words.lead}</p>
      <section class="block" aria-labelledby="papers-title">
        <h2 id="papers-title">{words.papers}</h2>
        <ul class="cards">
          {site.papers.map((paper) => (
            <PaperCard key={paper.id} paper={paper} place={place} />
          ))}
        </ul>
      </section>
      {site.notes.length > 0 && (
        <section class="block" aria-labelledby="notes-title">
          <h2 id="notes-title">{t('notes.title')}</h2>
          <ul class="cards">
            {site.notes.map((note) => (
              <li key={note.id} class="card">
                <h3>
                  <a href={place.page(notePath(note.id))}>{note.title}</a>
                </h3>
                <NoteFacts note={note} place={place} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {site.runs.length > 0 && (
        <section class="block" aria-labelledby="runs-title">
          <h2 id="runs-title">{words.runs}</h2>
          <div class="scroll">
            <table class="run-list">
              <thead>
                <tr>
                  <th scope="col">{words.run}</th>
                  <th scope="col">{words.paper}</th>
                  <th scope="col">{words.accuracy}</th>
                </tr>
              </thead>
              <tbody>
                {site.runs.map((run) => (
                  <tr key={run.id}>
                    <th scope="row">
                      <a href={place.page(runPath(run.id))}>{run.name}</a>
                    </th>
                    <td>{site.papers.find(({ id }) => id === run.paper)?.title ?? run.paper ?? '–'}</td>
                    <td>{run.accuracy === undefined ? '–' : percent(run.accuracy)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </section>
      )}
    </div>
  );
}

function PaperCard({ paper, place }: { paper: SitePaper; place: Place }) {
  return (
    <li class="card">
      <h3>
        <a href={place.page(paperPath(paper.id))}>{paper.title}</a>
      </h3>
      <p class="citation">{paper.citation}</p>
      <Tally claims={paper.claims} />
    </li>
  );
}
