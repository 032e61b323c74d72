import type { SiteClaim, SitePaper, Training } from '../../../site/page-types.js';
import { useApp } from '../../app/context.js';
import { duration } from '../../lib/format.js';
import { Missing } from '../../ui/problem.js';
import { Network, NetworkLegend, networkSum } from '../../views/model/network.js';
import { Claims } from '../../views/paper/claims.js';
import type { Page, Place } from '../frame.js';
import { notePath, paperPath } from '../lib/paths.js';
import { type Heading, paperProse } from '../lib/prose.js';
import { Chart } from '../parts/chart.js';
import { Code } from '../parts/code.js';
import { Contents } from '../parts/contents.js';
import { Image } from '../parts/image.js';
import { wordsOf } from '../words.js';

/** Everything about a paper: claims, curves, figures, notes, network and code. */
export function paperPageOf(paper: SitePaper, place: Place): Page {
  const counts = new Map<string, number>();
  for (const { verdict } of paper.claims) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const tally = [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ');
  return {
    path: paperPath(paper.id),
    title: paper.title,
    description:
      paper.claims.length === 0
        ? paper.citation
        : place.language === 'en'
          ? `${paper.citation}. Claims measured again: ${tally}.`
          : `${paper.citation}。共 ${paper.claims.length} 条论断，逐条实测。`,
    body: <Body paper={paper} place={place} />,
  };
}

function Body({ paper, place }: { paper: SitePaper; place: Place }) {
  const { t } = useApp();
  const { language } = place;
  const words = wordsOf(language);
  const layered = paper.network.detail.layers.length > 0;
  const prose = paperProse(paper, place);
  const charts = paper.charts.filter(({ name }) => !prose.figures.has(name));
  const drawn = new Set([...prose.figures, ...paper.charts.map(({ name }) => name)]);
  const figures = paper.figures.filter(
    ({ file: { en } }) => !drawn.has(en.replace(/^.*\//, '').replace(/\.\w+$/, '')),
  );
  const contents: Heading[] = [
    ['claims', t('claims.title'), true] as const,
    ['curves', words.curves, charts.length > 0] as const,
    ['figures', t('figures.title'), figures.length > 0] as const,
    ['network', words.network, true] as const,
    ['notes', t('notes.title'), true] as const,
  ].flatMap(([id, text, there]) => (there ? [{ id: `${id}-title`, text, deep: false }] : []));
  const all = [
    ...contents,
    ...prose.headings.map((heading) => ({ ...heading, deep: true })),
    ...(paper.code.length > 0 ? [{ id: 'code-title', text: words.code, deep: false }] : []),
  ];
  return (
    <div class="page paper-page">
      <div class="paper-title">
        <h1>{paper.title}</h1>
        <p class="citation">{paper.citation}</p>
        <OwnNotes paper={paper} place={place} />
      </div>
      <Contents headings={all} />
      <div class="paper-body">
        <Claims claims={paper.claims} evidence={(claim) => <Evidence claim={claim} place={place} />} />
        {charts.length > 0 && (
          <section class="block" aria-labelledby="curves-title">
            <h2 id="curves-title">{words.curves}</h2>
            <p class="why on-screen">{words.curvesHow}</p>
            {charts.map((chart) => (
              <Chart key={chart.name} chart={chart} language={language} />
            ))}
          </section>
        )}
        {figures.length > 0 && (
          <section class="block" aria-labelledby="figures-title">
            <h2 id="figures-title">{t('figures.title')}</h2>
            <div class="paper-figures">
              {figures.map((image) => (
                <Image key={image.file.en} image={image} place={place} />
              ))}
            </div>
          </section>
        )}
        <section class="block" aria-labelledby="network-title">
          <h2 id="network-title">{words.network}</h2>
          <p class="why">
            {words.networkOf(paper.network.preset, paper.network.about)}{' '}
            {networkSum(paper.network.detail, t, language)}
          </p>
          {layered && <NetworkLegend sized={paper.network.detail.sized} />}
          {layered && (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keys.
            <div class="scroll" tabIndex={0}>
              <Network model={paper.network.detail} />
            </div>
          )}
        </section>
        <section class="block" aria-labelledby="notes-title">
          <h2 id="notes-title">{t('notes.title')}</h2>
          {prose.html.trim() === '' ? (
            <Missing>{t('notes.none')}</Missing>
          ) : (
            <article class="prose" dangerouslySetInnerHTML={{ __html: prose.html }} />
          )}
        </section>
        {paper.code.length > 0 && (
          <section class="block" aria-labelledby="code-title">
            <h2 id="code-title">{words.code}</h2>
            <p class="why">{words.codeWhy}</p>
            {paper.code.map((code) => (
              <Code key={code.file} code={code} />
            ))}
          </section>
        )}
      </div>
    </div>
  );
}

/** Links to a person's own notes about the paper. */
function OwnNotes({ paper, place }: { paper: SitePaper; place: Place }) {
  const notes = place.site.notes.filter((note) => note.paper === paper.id);
  if (notes.length === 0) return null;
  return (
    <p class="citation">
      {wordsOf(place.language).ownNotes}
      {wordsOf(place.language).colon}
      {notes.map(({ id, title }, i) => (
        <>
          {i > 0 && ' · '}
          <a href={place.page(notePath(id))}>{title}</a>
        </>
      ))}
    </p>
  );
}

/** How a claim is judged, and the training runs behind its numbers. */
function Evidence({ claim, place }: { claim: SiteClaim; place: Place }) {
  const { language } = place;
  const words = wordsOf(language);
  if (claim.rule[language] === '' && claim.runs.length === 0) return null;
  return (
    <details class="evidence">
      <summary>{words.evidence}</summary>
      {claim.rule[language] !== '' && (
        <p>
          {words.rule}
          {words.colon}
          {claim.rule[language]}
        </p>
      )}
      {claim.runs.length > 0 && (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                {[words.training, words.dataset, words.epochs, words.time].map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {claim.runs.map((training) => (
                <TrainingRow key={training.name} training={training} place={place} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}

function TrainingRow({ training, place }: { training: Training; place: Place }) {
  const { name, file, epochs, seconds, dataset } = training;
  const words = wordsOf(place.language);
  return (
    <tr>
      <th scope="row">{file === undefined ? name : <a href={place.to(file)}>{name}</a>}</th>
      <td>{dataset}</td>
      <td>{epochs ?? words.noResult}</td>
      <td>{seconds === undefined ? '–' : duration(seconds, place.language)}</td>
    </tr>
  );
}
