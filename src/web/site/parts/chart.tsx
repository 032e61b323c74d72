import type { Language } from '../../../display/languages.js';
import { seriesColour, seriesDash } from '../../../display/series-colours.js';
import type { SiteChart } from '../../../site/page-types.js';
import { type Drawn, drawChart, wholeView } from '../lib/draw.js';
import { wordsOf } from '../words.js';

/** Size of the drawing that is shown without scripts, and in print. */
const WIDTH = 760;
export const HEIGHT = 320;

const inOneLanguage = (chart: SiteChart, language: Language): Drawn => {
  const { name: _, title: __, xLabel, yLabel, series, ...rest } = chart;
  return {
    ...rest,
    xLabel: xLabel[language],
    yLabel: yLabel[language],
    series: series.map((each) => ({ ...each, label: each.label[language] })),
  };
};

/** Text of a script element with data. */
const dataText = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');

/** Curves as a drawing; `client/chart.ts` makes it one that can be hovered and zoomed. */
export function Chart({ chart, language }: { chart: SiteChart; language: Language }) {
  const words = wordsOf(language);
  const drawn = inOneLanguage(chart, language);
  const names = drawn.series.map(({ label }) => label);
  return (
    <figure class="site-chart" id={`chart-${chart.name}`} data-chart>
      <figcaption class="chart-head">
        <span>{chart.title[language]}</span>
        <button type="button" class="quiet" data-chart-whole hidden>
          {words.whole}
        </button>
      </figcaption>
      <div
        class="plot"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys move along the curve.
        tabIndex={0}
        role="img"
        aria-label={`${chart.title[language]}. ${words.chartOf(names.join(', '))} ${words.chartKeys}`}
        dangerouslySetInnerHTML={{
          __html: drawChart(drawn, { width: WIDTH, height: HEIGHT, view: wholeView(drawn) }),
        }}
      />
      <ul class="legend">
        {names.map((name, i) => (
          <li key={name}>
            <svg width="22" height="10" aria-hidden="true">
              <path
                class={`line run-${seriesColour(i)}`}
                stroke-dasharray={seriesDash(i, chart.dashed ? 1 : undefined)?.join(' ')}
                d="M0 5H22"
              />
            </svg>
            {name}
          </li>
        ))}
      </ul>
      <p class="visually-hidden" aria-live="polite" data-chart-says />
      <script type="application/json" dangerouslySetInnerHTML={{ __html: dataText(drawn) }} />
    </figure>
  );
}
