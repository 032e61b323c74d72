import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../files/atomic.js';
import { makeFolder } from '../files/make-folder.js';
import { parseTitles, TITLES } from '../papers/build-page.js';
import type { Chart } from '../papers/claims/chart.js';
import type { Results } from '../papers/claims/result.js';
import type { Paper } from '../papers/paper.js';
import { curvesSvg } from './curves.js';
import type { Language } from './svg.js';

const EPOCH: Readonly<Record<Language, string>> = { en: 'epoch', zh: '轮' };

/** One chart as SVG. The seeds of a series are separate curves of one colour. */
export function chartSvg({ title, yLabel, mark, series }: Chart, language: Language): string {
  return curvesSvg({
    title: title[language],
    xLabel: EPOCH[language],
    yLabel: yLabel[language],
    unit: ' %',
    mark,
    series: series
      .filter(({ results }) => results.length > 0)
      .map(({ label, results, measure }) => ({
        label,
        // NaN separates the curves of two seeds.
        points: results.flatMap(({ epochs }) => [
          ...epochs.map((epoch) => ({ step: epoch.epoch, value: measure(epoch) })),
          { step: 0, value: Number.NaN },
        ]),
      })),
  });
}

/**
 * Draws a paper's charts from the available results into its folder of figures: NAME.svg in English, NAME.zh.svg in
 * Chinese. Adds their titles to titles.json.
 */
export async function writeCharts({ charts }: Paper, results: Results, folder: string): Promise<void> {
  const all = charts?.(results).filter(({ series }) => series.some((s) => s.results.length > 0)) ?? [];
  if (all.length === 0) return;
  await makeFolder(folder);
  const file = join(folder, TITLES);
  const titles = existsSync(file) ? parseTitles(file, await readFile(file, 'utf8')) : {};
  for (const chart of all) {
    await writeFileAtomic(join(folder, `${chart.name}.svg`), chartSvg(chart, 'en'));
    await writeFileAtomic(join(folder, `${chart.name}.zh.svg`), chartSvg(chart, 'zh'));
    titles[`${chart.name}.svg`] = chart.title;
  }
  const sorted = Object.entries(titles).sort(([a], [b]) => (a < b ? -1 : 1));
  await writeFileAtomic(file, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
}
