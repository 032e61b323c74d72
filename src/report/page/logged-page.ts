import type { Language } from '../../display/languages.js';
import { grouped } from '../../errors/counted.js';
import type { Figure } from '../figures.js';
import { type LoggedRun, loggedFigures, MOST_CHARTS } from '../logged.js';
import { figurePart, pageOf } from './frame.js';
import { facts, flat, missing, section, wideTable } from './parts.js';
import { type PageWords, pageWordsOf } from './words.js';

/** The report of a run that a program logged itself. @param others further runs, drawn beside it */
export function loggedPage(
  run: LoggedRun,
  others: readonly LoggedRun[],
  language: Language,
): { html: string; figures: Figure[] } {
  const figures = loggedFigures(run, others, language);
  const words = pageWordsOf(language);
  const { name, program, steps, settings, machine } = run;
  const html = pageOf(
    {
      name,
      lead:
        program === undefined ? words.fromEvents(grouped(steps)) : words.loggedBy(program, grouped(steps)),
      parts: [
        section('values', words.values, values(run, words)),
        figures.map((figure) => figurePart(figure)),
      ].flat(),
      about: [
        section('configuration', words.configuration, facts(flat(settings))),
        section('machine', words.machine, facts(flat(machine))),
      ].flat(),
    },
    language,
  );
  return { html, figures };
}

/** The ends of each value. */
function values({ scalars, images, histograms }: LoggedRun, words: PageWords): string {
  if (scalars.length === 0) return images.length + histograms.length > 0 ? '' : missing(words.nothingLogged);
  const rows = scalars.map(({ name, range }) => [
    name,
    ...[range?.last, range?.least, range?.most].map((value) =>
      value === undefined ? 'NaN' : String(Number(value.toPrecision(5))),
    ),
  ]);
  const more = scalars.length - MOST_CHARTS;
  return wideTable(words.valueColumns, rows) + (more > 0 ? missing(words.moreCharts(grouped(more))) : '');
}
