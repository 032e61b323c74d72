import type { SiteRun } from '../../../site/page-types.js';
import { useApp } from '../../app/context.js';
import { percent } from '../../lib/format.js';
import type { Page, Place } from '../frame.js';
import { paperPath, runPath } from '../lib/paths.js';
import { Chart } from '../parts/chart.js';
import { Contents } from '../parts/contents.js';
import { Image } from '../parts/image.js';
import { wordsOf } from '../words.js';

/** A run that was chosen for the site: its curves, what it looks like inside, its settings. */
export const runPageOf = (run: SiteRun, place: Place): Page => ({
  path: runPath(run.id),
  title: run.name,
  description: `${run.paper ?? run.program ?? run.name}${run.accuracy === undefined ? '' : `, ${percent(run.accuracy)}`}`,
  body: <Body run={run} place={place} />,
});

function Body({ run, place }: { run: SiteRun; place: Place }) {
  const { t } = useApp();
  const { language } = place;
  const words = wordsOf(language);
  const known = place.site.papers.find(({ id }) => id === run.paper);
  return (
    <div class="page paper-page">
      <div class="paper-title">
        <h1>{run.name}</h1>
        <p class="citation">
          {run.paper === undefined ? (
            run.program === undefined ? (
              words.eventFiles
            ) : (
              `${words.program}${words.colon}${run.program}`
            )
          ) : (
            <>
              {words.paper}
              {words.colon}
              {known ? <a href={place.page(paperPath(known.id))}>{known.title}</a> : run.paper}
            </>
          )}
          {run.accuracy !== undefined && ` · ${words.accuracy}${words.colon}${percent(run.accuracy)}`}
        </p>
      </div>
      <Contents
        headings={[
          ...(run.charts.length > 0 ? [{ id: 'curves-title', text: words.curves, deep: false }] : []),
          ...(run.figures.length > 0 ? [{ id: 'figures-title', text: t('figures.title'), deep: false }] : []),
          { id: 'settings-title', text: words.settings, deep: false },
        ]}
      />
      <div class="paper-body">
        {run.charts.length > 0 && (
          <section class="block first" aria-labelledby="curves-title">
            <h2 id="curves-title">{words.curves}</h2>
            <p class="why on-screen">{words.curvesHow}</p>
            {run.charts.map((chart) => (
              <Chart key={chart.name} chart={chart} language={language} />
            ))}
          </section>
        )}
        {run.figures.length > 0 && (
          <section class="block" aria-labelledby="figures-title">
            <h2 id="figures-title">{t('figures.title')}</h2>
            <div class="paper-figures">
              {run.figures.map((image) => (
                <Image key={image.file.en} image={image} place={place} />
              ))}
            </div>
          </section>
        )}
        <section class="block" aria-labelledby="settings-title">
          <h2 id="settings-title">{words.settings}</h2>
          <table class="settings">
            <tbody>
              {run.settings.map(([name, value]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{value}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </div>
    </div>
  );
}
