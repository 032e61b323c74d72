import type { Tokens } from 'marked';
import type { SiteNote } from '../../../site/page-types.js';
import { escapeHtml, renderMarkdown } from '../../lib/markdown.js';
import type { Place } from '../frame.js';
import { wordsOf } from '../words.js';
import { footnoteRules } from './footnotes.js';
import { formulaRules } from './formulas.js';
import { linkOf } from './note-links.js';
import { aloneIn, headingsOf, type Prose, siteRules } from './prose.js';

/** Longer sources of formulas are cut in messages. */
const MOST_SOURCE = 80;

/**
 * The text of a person's note. It may come from anywhere: only its own images are shown, and only plain links work.
 *
 * @param report hears what cannot be shown as the note has it
 */
export function noteProse(note: SiteNote, place: Place, report: (problem: string) => void = () => {}): Prose {
  const own = (href: string) => (Object.hasOwn(note.images, href) ? note.images[href] : undefined);
  const image = ({ href, text }: Tokens.Image): string => {
    const found = own(href);
    if (!found) return `<span class="no-image">${escapeHtml(text || href)}</span>`;
    const { width, height } = found.size;
    return `<img src="${escapeHtml(place.to(found.file))}" alt="${escapeHtml(text)}" width="${width}" height="${height}" loading="lazy" decoding="async">`;
  };
  const formulas = formulaRules((source, reason) =>
    report(`the formula ${source.slice(0, MOST_SOURCE)} is shown as its source: ${reason}`),
  );
  const footnotes = footnoteRules(wordsOf(place.language).footnoteBack);
  const html = renderMarkdown(note.markdown, () => undefined, formulas, footnotes, siteRules(), {
    renderer: {
      image,
      paragraph(token) {
        const alone = aloneIn(token);
        if (!alone || !own(alone.href)) return `<p>${this.parser.parseInline(token.tokens)}</p>\n`;
        const title = alone.title ?? '';
        const caption = title === '' ? '' : `<figcaption>${escapeHtml(title)}</figcaption>`;
        return `<figure>${image(alone)}${caption}</figure>\n`;
      },
      link({ href, tokens }) {
        const { address, outside, problem } = linkOf(note, href, place);
        if (problem !== undefined) report(problem);
        if (outside) return false;
        const inner = this.parser.parseInline(tokens);
        return address === undefined ? inner : `<a href="${escapeHtml(address)}">${inner}</a>`;
      },
    },
  });
  return { html, headings: headingsOf(html), figures: new Set() };
}
