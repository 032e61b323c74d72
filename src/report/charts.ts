import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import type { Language } from '../display/languages.js';
import { writeFileAtomic } from '../files/atomic.js';
import { makeFolder } from '../files/make-folder.js';
import { parseTitles, TITLES } from '../papers/build-page.js';
import { type Chart, divergedIn, type RatioChart, yLabelOf } from '../papers/claims/chart.js';
import { type Text, textOf } from '../papers/claims/claim.js';
import { jobName } from '../papers/claims/job.js';
import type { Results } from '../papers/claims/result.js';
import type { Paper } from '../papers/paper.js';
import { readSamples, sampleSteps } from '../run/sample-files.js';
import { curvesSvg } from './curves.js';
import { ratiosSvg } from './drawing/ratios.js';
import { samplesSvg } from './samples.js';

const EPOCH: Text = { en: 'epoch', zh: '轮' };

/** One chart as SVG. The seeds of a series are separate curves of one colour. */
export function chartSvg(chart: Chart, language: Language): string {
  const { title, xLabel = EPOCH, unit = ' %', range, log, dots, dashed, mark, series } = chart;
  return curvesSvg({
    title: title[language],
    xLabel: xLabel[language],
    yLabel: yLabelOf(chart)[language],
    unit,
    mark,
    ...(range ? { range } : {}),
    ...(log ? { log } : {}),
    ...(dots ? { dots } : {}),
    ...(dashed ? { dashed } : {}),
    series: series
      .filter(({ points }) => points.length > 0)
      .map(({ label, points }) => ({
        label: textOf(label)[language],
        points,
        gaps: divergedIn(points),
      })),
  });
}

/** Ratios under several conditions as SVG. */
export function ratioChartSvg(
  { title, subtitle, sides: [below, above], mark, rows }: RatioChart,
  language: Language,
): string {
  return ratiosSvg({
    title: title[language],
    subtitle: subtitle[language],
    sides: [below[language], above[language]],
    mark: { value: mark.value, label: mark.label[language] },
    rows: rows.map(({ label, ...row }) => ({ ...row, label: textOf(label)[language] })),
  });
}

/** A figure in both languages. */
interface Drawn {
  readonly name: string;
  readonly title: Text;
  readonly draw: (language: Language) => string;
}

/**
 * Draws a paper's charts from the available results, and its figures of samples from the runs that are still there, into
 * its folder of figures: NAME.svg in English, NAME.zh.svg in Chinese. Adds their titles to titles.json.
 *
 * @param runs folder of the paper's runs; default: no figures of samples
 */
export async function writeCharts(
  paper: Paper,
  results: Results,
  folder: string,
  runs?: string,
): Promise<void> {
  const charts =
    paper.charts?.(results).filter(({ series }) => series.some((s) => s.points.length > 0)) ?? [];
  const ratios = paper.ratios?.(results).filter(({ rows }) => rows.length > 0) ?? [];
  const all: Drawn[] = [
    ...charts.map((chart) => ({ ...chart, draw: (language: Language) => chartSvg(chart, language) })),
    ...ratios.map((chart) => ({ ...chart, draw: (language: Language) => ratioChartSvg(chart, language) })),
    ...(runs === undefined ? [] : await sampleFigures(paper, results, runs)),
  ];
  if (all.length === 0) return;
  await makeFolder(folder);
  const file = join(folder, TITLES);
  const titles = existsSync(file) ? parseTitles(file, await readFile(file, 'utf8')) : {};
  for (const { name, title, draw } of all) {
    await writeFileAtomic(join(folder, `${name}.svg`), draw('en'));
    await writeFileAtomic(join(folder, `${name}.zh.svg`), draw('zh'));
    titles[`${name}.svg`] = title;
  }
  const sorted = Object.entries(titles).sort(([a], [b]) => (a < b ? -1 : 1));
  await writeFileAtomic(file, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
}

/** The figures of samples whose runs are in the folder: the samples of the last step. */
async function sampleFigures({ samples }: Paper, results: Results, runs: string): Promise<Drawn[]> {
  const found: Drawn[] = [];
  for (const { name, title, job, set = 'samples' } of samples?.(results) ?? []) {
    const run = join(runs, jobName(job));
    const step = (await sampleSteps(run)).at(-1);
    const images = step === undefined ? undefined : (await readSamples(run, step)).sets.get(set);
    if (images)
      found.push({ name, title, draw: (language) => samplesSvg(images, title[language], deflateSync) });
  }
  return found;
}
