import { useMemo } from 'preact/hooks';
import type { PaperPage } from '../../../papers/page-types.js';
import { get } from '../../app/api.js';
import { useApp, useTitle } from '../../app/context.js';
import { useLoad } from '../../app/use.js';
import { addressOf } from '../../lib/address.js';
import { renderMarkdown } from '../../lib/markdown.js';
import { paperHref } from '../../lib/route.js';
import { Loading, Missing, Problem } from '../../ui/problem.js';
import { Claims } from './claims.js';

/** A paper: its claims with our measurements, its figures, the notes. */
export function PaperView({ id }: { id: string | undefined }) {
  const { t } = useApp();
  const list = useLoad('papers', (signal) => get('GET /api/papers', {}, signal));
  const chosen = id ?? list.value?.[0]?.id;
  const paper = useLoad(chosen, (signal) => get('GET /api/papers/:id', { params: { id: chosen! } }, signal));
  useTitle(paper.value?.title ?? t('nav.paper'));
  return (
    <div class="page">
      {list.value && list.value.length > 1 && (
        <nav class="tabs" aria-label={t('paper.list')}>
          {list.value.map((each) => (
            <a
              key={each.id}
              href={paperHref(each.id)}
              {...(each.id === chosen ? { 'aria-current': 'page' as const } : {})}
            >
              {each.title}
            </a>
          ))}
        </nav>
      )}
      {!paper.value && <h1>{t('nav.paper')}</h1>}
      {list.failure && <Problem failure={list.failure} retry={list.reload} />}
      {paper.failure && <Problem failure={paper.failure} retry={paper.reload} />}
      {list.value?.length === 0 && <Missing>{t('paper.none')}</Missing>}
      {!paper.value && !paper.failure && !list.failure && list.value?.length !== 0 && <Loading />}
      {paper.value && <Paper paper={paper.value} />}
    </div>
  );
}

function Paper({ paper }: { paper: PaperPage }) {
  const { t, language } = useApp();
  const figureUrl = (file: string) =>
    paper.figures.some(({ file: { en, zh } }) => en === file || zh === file)
      ? addressOf('GET /api/papers/:id/figures/:file', { params: { id: paper.id, file } })
      : undefined;
  const html = useMemo(() => renderMarkdown(paper.notes[language], figureUrl), [paper, language]);
  // Figures in the notes are shown there.
  const others = paper.figures.filter(({ file }) => !html.includes(`src="${figureUrl(file[language])}"`));
  const headings = useMemo(() => headingsOf(html), [html]);
  const contents = [
    { id: 'claims-title', text: t('claims.title'), deep: false },
    ...(others.length > 0 ? [{ id: 'figures-title', text: t('figures.title'), deep: false }] : []),
    { id: 'notes-title', text: t('notes.title'), deep: false },
    ...headings,
  ];
  return (
    <div class="paper-page">
      <h1 class="paper-title">{paper.title}</h1>
      <nav class="contents" aria-label={t('paper.contents')}>
        <ul>
          {contents.map(({ id, text, deep }) => (
            <li key={id} class={deep ? 'deep' : ''}>
              <button type="button" class="quiet" onClick={() => goTo(id)}>
                {text}
              </button>
            </li>
          ))}
        </ul>
      </nav>
      <div class="paper-body">
        <Claims claims={paper.claims} />
        {others.length > 0 && (
          <section class="block" aria-labelledby="figures-title">
            <h2 id="figures-title">{t('figures.title')}</h2>
            <div class="paper-figures">
              {others.map((figure) => (
                <figure key={figure.file.en}>
                  <img
                    src={addressOf('GET /api/papers/:id/figures/:file', {
                      params: { id: paper.id, file: figure.file[language] },
                    })}
                    alt={figure.title[language]}
                    loading="lazy"
                  />
                  <figcaption>{figure.title[language]}</figcaption>
                </figure>
              ))}
            </div>
          </section>
        )}
        <section class="block" aria-labelledby="notes-title">
          <h2 id="notes-title">{t('notes.title')}</h2>
          {html.trim() === '' ? (
            <Missing>{t('notes.none')}</Missing>
          ) : (
            // biome-ignore lint/a11y/useKeyWithClickEvents: handles clicks on links, which keys trigger too.
            <article class="prose" onClick={followAnchor} dangerouslySetInnerHTML={{ __html: html }} />
          )}
        </section>
      </div>
    </div>
  );
}

/** The part after `#` is the view's route, so the contents scroll by script; the focus moves along. */
function goTo(id: string): void {
  const heading = document.getElementById(id);
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  heading.scrollIntoView();
}

/** Headings of the first two levels of the rendered notes. */
function headingsOf(html: string): { id: string; text: string; deep: boolean }[] {
  const parsed = new DOMParser().parseFromString(html, 'text/html');
  return [...parsed.querySelectorAll('h2[id], h3[id]')].map((heading) => ({
    id: heading.id,
    text: heading.textContent ?? '',
    deep: heading.tagName === 'H3',
  }));
}

/** The part after `#` is the view's route, so links within the notes scroll by script. */
function followAnchor(event: MouseEvent) {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  const href = link?.getAttribute('href');
  if (!href?.startsWith('#')) return;
  event.preventDefault();
  document.getElementById(`notes-${href.slice(1)}`)?.scrollIntoView();
}
