import type { MarkedExtension, Tokens } from 'marked';
import { renderToString } from 'preact-render-to-string';
import type { SitePaper } from '../../../site/page-types.js';
import { StaticApp } from '../../app/context.js';
import { escapeHtml, renderMarkdown } from '../../lib/markdown.js';
import type { Place } from '../frame.js';
import { Chart } from '../parts/chart.js';
import { Image } from '../parts/image.js';
import { highlight } from './highlight.js';

/** Rendered Markdown. */
export interface Prose {
  readonly html: string;
  readonly headings: readonly Heading[];
  /** Names of the figures in it. */
  readonly figures: ReadonlySet<string>;
}

export interface Heading {
  readonly id: string;
  readonly text: string;
  /** Below another one. */
  readonly deep: boolean;
}

const nameOf = (href: string): string => href.replace(/^.*[\\/]/, '');

/** Rules that all Markdown of the site shares: highlighted code, links to headings of the page. */
export const siteRules = (): MarkedExtension => ({
  renderer: {
    code({ text, lang = '' }: Tokens.Code) {
      const language = lang.trim().split(/\s/)[0]!.toLowerCase();
      return `<pre tabindex="0"><code class="hljs">${highlight(text, language)}</code></pre>\n`;
    },
  },
  walkTokens(token) {
    if (token.type !== 'link') return;
    const { href } = token as Tokens.Link;
    if (href.startsWith('#') && href.length > 1) (token as Tokens.Link).href = `#notes-${href.slice(1)}`;
  },
});

/** An image that is a paragraph of its own, which becomes a figure. */
export const aloneIn = ({ tokens }: Tokens.Paragraph): Tokens.Image | undefined =>
  tokens.length === 1 && tokens[0]!.type === 'image' ? (tokens[0] as Tokens.Image) : undefined;

/** The notes of a paper: its figures are shown where the notes have them, as curves where there are numbers. */
export function paperProse(paper: SitePaper, place: Place): Prose {
  const { language, to } = place;
  const used = new Set<string>();
  const figureOf = (file: string) => paper.figures.find(({ file: { en } }) => nameOf(en) === file);
  // The page has a title already.
  const notes = paper.notes[language].replace(/^\s*# .*\n/, '');
  const html = renderMarkdown(
    notes,
    (file) => {
      const figure = figureOf(file);
      return figure && to(figure.file[language]);
    },
    siteRules(),
    {
      renderer: {
        paragraph(token) {
          const file = nameOf(aloneIn(token)?.href ?? '').replace('.zh.', '.');
          const figure = figureOf(file);
          if (!figure) return `<p>${this.parser.parseInline(token.tokens)}</p>\n`;
          const name = file.replace(/\.\w+$/, '');
          const chart = paper.charts.find((each) => each.name === name);
          if (used.has(name) && chart) return '';
          used.add(name);
          const drawn = chart ? (
            <Chart chart={chart} language={language} />
          ) : (
            <Image image={figure} place={place} />
          );
          return `${renderToString(<StaticApp language={language}>{drawn}</StaticApp>)}\n`;
        },
      },
    },
  );
  return { html, headings: headingsOf(html), figures: used };
}

/** Headings with words of the first two levels of rendered Markdown. */
export const headingsOf = (html: string): Heading[] =>
  [...html.matchAll(/<h([23]) id="([^"]*)">(.*?)<\/h\1>/gs)]
    .map(([, level, id, inner]) => ({ id: id!, text: textOf(inner!), deep: level === '3' }))
    .filter(({ text }) => text !== '');

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
};

/** The text of our own HTML, without tags, drawings and data. */
export const textOf = (html: string): string =>
  html
    .replace(/<(svg|script|style)\b.*?<\/\1>/gs, ' ')
    .replace(/<[^>]*>/g, '')
    .replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity]!)
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replace(/\s+/g, ' ')
    .trim();

export { escapeHtml };
