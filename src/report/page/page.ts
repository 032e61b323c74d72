import type { Language } from '../../display/languages.js';

import { escapeXml } from '../../display/svg-text.js';

import { type Figure, figuresOf, type ReportData } from '../figures.js';
import {
  caption,
  epochs,
  facts,
  figuresList,
  flat,
  lead,
  missing,
  type Part,
  section,
  summary,
  withoutMachine,
} from './parts.js';
import { PAGE_STYLE } from './style.js';
import { pageWordsOf } from './words.js';

/** A report as one self-contained HTML page without scripts, fonts or external images. */
export function reportPage(data: ReportData, language: Language): { html: string; figures: Figure[] } {
  const figures = figuresOf(data, language);
  const words = pageWordsOf(language);
  const drawn = figures.map(
    ({ name, title, svg }): Part => ({
      id: name,
      title,
      html: `<figure id="${name}" tabindex="0"${isLong(svg) ? ' class="long"' : ''}>${svg}${caption(words.captions[name])}</figure>`,
    }),
  );
  const about = [
    section('configuration', words.configuration, facts(flat(withoutMachine(data.config)))),
    section('machine', words.machine, facts(flat(data.config.machine ?? {}))),
  ].flat();
  const parts = [
    section('summary', words.summary, figuresList(summary(data, words))),
    section('epochs', words.epochs, epochs(data, words)),
    drawn,
    section('not-measured', words.notMeasured, data.unmeasured === undefined ? '' : missing(data.unmeasured)),
    section('insights', words.insights, data.insights.length > 0 ? '' : missing(words.noInsights)),
  ].flat();
  const links = [...parts, ...about].map(
    ({ id, title }) => `<li><a href="#${id}">${escapeXml(title)}</a></li>`,
  );
  const html = `<!doctype html>
<html lang="${language === 'zh' ? 'zh-Hans' : 'en'}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${escapeXml(data.name)} · Paperweight</title>
<style>${PAGE_STYLE}</style>
</head>
<body><div class="page">
<header><p class="brand">${BRAND}Paperweight</p><h1>${escapeXml(data.name)}</h1><p class="lead">${escapeXml(lead(data, words))}</p></header>
<div class="columns">
<nav class="contents" aria-label="${escapeXml(words.contents)}"><ul>${links.join('')}</ul></nav>
<main>
${parts.map((part) => part.html).join('\n')}
<div class="two">${about.map((part) => part.html).join('')}</div>
</main>
</div>
<footer>${escapeXml(words.footer)}</footer>
</div></body>
</html>
`;
  return { html, figures };
}

/** The drawing of the dashboard beside the name. */
const BRAND =
  '<svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true"><path class="brand-glass" d="M3 24a13 13 0 0 1 26 0z"/><path class="brand-heart" d="M9 24a7 7 0 0 1 14 0z"/><rect class="brand-base" x="2" y="25.5" width="28" height="2.5" rx="1.25"/></svg>';

/** Wider figures, such as those of networks with many layers, are scrolled at their size: scaled down they were unreadable. */
const LONG = 1100;
const isLong = (svg: string): boolean => Number(/ width="(\d+)/.exec(svg)?.[1] ?? 0) > LONG;
