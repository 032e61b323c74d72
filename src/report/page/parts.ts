import { escapeXml, round } from '../../display/svg-text.js';
import { grouped } from '../../errors/counted.js';
import { type ClassifiedEpoch, isClassified } from '../../run/events.js';
import { hasTop5 } from '../../run/top5.js';
import { meanRate } from '../../train/steps/mean-rate.js';
import { metricsOf } from '../epoch-metrics.js';
import type { ReportData } from '../figures.js';
import type { PageWords } from './words.js';

/** A part of the page that its contents name. */
export interface Part {
  readonly id: string;
  readonly title: string;
  readonly html: string;
}

type Facts = readonly (readonly [name: string, value: string])[];
type KeyFigures = readonly (readonly [name: string, value: string, note?: string])[];

/** No part for an empty text. */
export const section = (id: string, title: string, body: string): Part[] =>
  body === ''
    ? []
    : [{ id, title, html: `<section id="${id}"><h2>${escapeXml(title)}</h2>${body}</section>` }];

export const missing = (text: string): string => `<p class="missing">${escapeXml(text)}</p>`;

/** Key figures beside each other. */
export const figuresList = (rows: KeyFigures): string =>
  `<dl class="figures">${rows
    .map(([name, value, note]) => {
      const small = note === undefined ? '' : ` <small>${escapeXml(note)}</small>`;
      return `<div><dt>${escapeXml(name)}</dt><dd>${escapeXml(value)}${small}</dd></div>`;
    })
    .join('')}</dl>`;

export const caption = (text: string | undefined): string =>
  text === undefined ? '' : `<figcaption>${escapeXml(text)}</figcaption>`;

/** Settings, one below the other. */
export const facts = (rows: Facts): string =>
  rows.length === 0
    ? ''
    : `<table class="facts"><tbody>${rows
        .map(
          ([name, value]) => `<tr><th scope="row">${escapeXml(name)}</th><td>${escapeXml(value)}</td></tr>`,
        )
        .join('')}</tbody></table>`;

/** "1,000 of 10,000" if a sample was evaluated. */
const share = (images: number, total: number | undefined, words: PageWords): string =>
  total === undefined || images >= total ? grouped(images) : words.sampled(grouped(images), grouped(total));

/** A metric of the paper's own, whose size is not known. */
const inDigits = (value: number): string => String(Number(value.toPrecision(4)));

/** The result in a sentence. */
export function lead({ epochs: done, config, measured }: ReportData, words: PageWords): string {
  const best = done
    .filter(isClassified)
    .reduce<ClassifiedEpoch | undefined>(
      (a, b) => (a && a.testAccuracy >= b.testAccuracy ? a : b),
      undefined,
    );
  if (best) {
    const { testImages, testTotal } = best;
    return words.best(round(best.testAccuracy), share(testImages, testTotal, words), config.dataset);
  }
  const last = done.at(-1);
  if (last)
    return metricsOf(last)
      .map(([name, value]) => `${name} ${inDigits(value)}`)
      .join(' · ');
  return measured
    ? words.best(round(measured.accuracy), share(measured.images, measured.total, words), config.dataset)
    : words.noResult;
}

/** The key figures of a run. */
export function summary({ config, steps, epochs: done, measured }: ReportData, words: PageWords): KeyFigures {
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const rows: (readonly [string, string, string?])[] = [
    [words.model, `${config.model.paper} (${config.model.preset})`],
    [words.dataset, config.dataset],
    [words.recipe, config.recipe],
    [words.seed, String(config.seed)],
    [words.steps, grouped(steps.at(-1)?.step ?? 0)],
  ];
  if (steps.length > 0) {
    const seconds = steps.map(({ stepSeconds }) => stepSeconds);
    rows.push(
      [words.lastLoss, steps.at(-1)!.loss.toFixed(4)],
      [
        words.rate,
        `${round(meanRate(steps).imagesPerSecond)} ${config.model.classes.length === 0 ? words.samplesPerSecond : words.perSecond}`,
      ],
      [words.stepTime, `${mean(seconds).toFixed(3)} s`],
      [words.trainingTime, `${round(seconds.reduce((a, b) => a + b, 0) / 60)} min`],
      [words.memory, `${grouped(steps.reduce((most, { rssMiB }) => Math.max(most, rssMiB), 0))} MiB`],
    );
  }
  const last = done.at(-1);
  if (last?.testTop5 !== undefined && hasTop5(config.model.classes.length))
    rows.push([words.testTop5, `${round(last.testTop5)} %`]);
  if (last && !isClassified(last))
    rows.push(...metricsOf(last).map(([name, value]) => [name, inDigits(value)] as const));
  if (measured) {
    const images = share(measured.images, measured.total, words);
    rows.push([words.measuredHere, `${round(measured.accuracy)} %`, images]);
  }
  return rows;
}

/** The table of epochs; empty before the first has ended. */
export function epochs(data: ReportData, words: PageWords): string {
  const { config } = data;
  const done = data.epochs.filter(isClassified);
  if (done.length === 0) return ownEpochs(data, words);
  const cells = done.map((e) => [
    String(e.epoch),
    grouped(e.step),
    e.trainLoss.toFixed(4),
    `${round(e.trainAccuracy)} %`,
    e.testLoss.toFixed(4),
    `${round(e.testAccuracy)} %`,
    hasTop5(config.model.classes.length) && e.testTop5 !== undefined ? `${round(e.testTop5)} %` : '–',
    share(e.testImages, e.testTotal, words),
  ]);
  return wideTable(words.epochColumns, cells);
}

/** A table that is scrolled where it is too wide for the page. */
export function wideTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (open: string, close: string, cells: readonly string[]) =>
    `<tr>${cells.map((cell) => `${open}${escapeXml(cell)}${close}`).join('')}</tr>`;
  const head = row('<th scope="col">', '</th>', columns);
  const body = rows.map((cells) => row('<td>', '</td>', cells));
  return `<div class="wide" tabindex="0"><table><thead>${head}</thead><tbody>${body.join('')}</tbody></table></div>`;
}

/** The table of epochs of a run that does not train a classifier, with the metrics of its paper. */
function ownEpochs({ epochs: done }: ReportData, words: PageWords): string {
  const names = [...new Set(done.flatMap((event) => metricsOf(event).map(([name]) => name)))];
  if (done.length === 0) return '';
  const rows = done.map((event) => {
    const values = new Map(metricsOf(event));
    const shown = names.map((name) => values.get(name)?.toPrecision(5) ?? '–');
    return [String(event.epoch), grouped(event.step), ...shown];
  });
  return wideTable([...words.epochColumns.slice(0, 2), ...names], rows);
}

export const withoutMachine = ({ machine: _, ...rest }: ReportData['config']): Record<string, unknown> =>
  rest;

/** Nested settings as dotted names. */
export function flat(value: Readonly<Record<string, unknown>>, prefix = ''): Facts {
  return Object.entries(value).flatMap(([key, item]): Facts => {
    const name = prefix + key;
    if (Array.isArray(item)) return [[name, item.length <= 20 ? item.join(', ') : `${item.length}`]];
    if (typeof item === 'object' && item !== null) return flat(item as Record<string, unknown>, `${name}.`);
    return [[name, String(item)]];
  });
}
