import type { Language } from '../../display/languages.js';
import { escapeXml } from '../../display/svg-text.js';
import type { Figure } from '../figures.js';
import { caption, type Part } from './parts.js';
import { PAGE_STYLE } from './style.js';
import { pageWordsOf } from './words.js';

/** What a report shows, from top to bottom. */
export interface PageContent {
  readonly name: string;
  /** The result in a sentence. */
  readonly lead: string;
  readonly parts: readonly Part[];
  /** Settings and machine, beside each other at the end. */
  readonly about: readonly Part[];
}

/** A self-contained HTML page without scripts, fonts or external images. */
export function pageOf({ name, lead, parts, about }: PageContent, language: Language): string {
  const words = pageWordsOf(language);
  const links = [...parts, ...about].map(
    ({ id, title }) => `<li><a href="#${id}">${escapeXml(title)}</a></li>`,
  );
  return `<!doctype html>
<html lang="${language === 'zh' ? 'zh-Hans' : 'en'}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${escapeXml(name)} · Paperweight</title>
<style>${PAGE_STYLE}</style>
</head>
<body><div class="page">
<header><p class="brand">${BRAND}Paperweight</p><h1>${escapeXml(name)}</h1><p class="lead">${escapeXml(lead)}</p></header>
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
}

/** A figure as a part of the page. */
export const figurePart = ({ name, title, svg }: Figure, text?: string): Part => ({
  id: name,
  title,
  html: `<figure id="${name}" tabindex="0"${isLong(svg) ? ' class="long"' : ''}>${svg}${caption(text)}</figure>`,
});

/** The drawing of the dashboard beside the name. */
const BRAND =
  '<svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true"><path class="brand-glass" d="M3 24a13 13 0 0 1 26 0z"/><path class="brand-heart" d="M9 24a7 7 0 0 1 14 0z"/><rect class="brand-base" x="2" y="25.5" width="28" height="2.5" rx="1.25"/></svg>';

/** Wider figures, such as those of networks with many layers, are scrolled at their size: scaled down they were unreadable. */
const LONG = 1100;
const isLong = (svg: string): boolean => Number(/ width="(\d+)/.exec(svg)?.[1] ?? 0) > LONG;
