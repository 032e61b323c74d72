import type { Language } from '../../display/languages.js';
import { type Figure, figuresOf, type ReportData } from '../figures.js';
import { figurePart, pageOf } from './frame.js';
import {
  epochs,
  facts,
  figuresList,
  flat,
  lead,
  missing,
  section,
  summary,
  withoutMachine,
} from './parts.js';
import { pageWordsOf } from './words.js';

/** The report of a training as one self-contained HTML page. */
export function reportPage(data: ReportData, language: Language): { html: string; figures: Figure[] } {
  const figures = figuresOf(data, language);
  const words = pageWordsOf(language);
  const html = pageOf(
    {
      name: data.name,
      lead: lead(data, words),
      parts: [
        section('summary', words.summary, figuresList(summary(data, words))),
        section('epochs', words.epochs, epochs(data, words)),
        figures.map((figure) => figurePart(figure, words.captions[figure.name])),
        section(
          'not-measured',
          words.notMeasured,
          data.unmeasured === undefined ? '' : missing(data.unmeasured),
        ),
        section('insights', words.insights, data.insights.length > 0 ? '' : missing(words.noInsights)),
      ].flat(),
      about: [
        section('configuration', words.configuration, facts(flat(withoutMachine(data.config)))),
        section('machine', words.machine, facts(flat(data.config.machine ?? {}))),
      ].flat(),
    },
    language,
  );
  return { html, figures };
}
