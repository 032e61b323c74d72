import type { Tokens } from 'marked';
import type { SiteNote } from '../../../site/page-types.js';
import { escapeHtml, renderMarkdown } from '../../lib/markdown.js';
import type { Place } from '../frame.js';
import { formulaRules } from './formulas.js';
import { notePath } from './paths.js';
import { aloneIn, headingsOf, type Prose, siteRules } from './prose.js';

/** The text of a person's note. It may come from anywhere: only its own images are shown, and only plain links work. */
export function noteProse(note: SiteNote, place: Place): Prose {
  const own = (href: string) => (Object.hasOwn(note.images, href) ? note.images[href] : undefined);
  const image = ({ href, text }: Tokens.Image): string => {
    const found = own(href);
    if (!found) return `<span class="no-image">${escapeHtml(text || href)}</span>`;
    const { width, height } = found.size;
    return `<img src="${escapeHtml(place.to(found.file))}" alt="${escapeHtml(text)}" width="${width}" height="${height}" loading="lazy" decoding="async">`;
  };
  const html = renderMarkdown(note.markdown, () => undefined, formulaRules, siteRules(), {
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
        const other = place.site.notes.find(({ source }) => source === href.replace(/^\.\//, ''));
        return other
          ? `<a href="${escapeHtml(place.page(notePath(other.id)))}">${this.parser.parseInline(tokens)}</a>`
          : false;
      },
    },
  });
  return { html, headings: headingsOf(html), figures: new Set() };
}
