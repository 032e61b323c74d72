import { Marked, type MarkedExtension, type Tokens } from 'marked';
import { isVisible } from '../../display/visible.js';

export const escapeHtml = (text: string): string =>
  text.replace(
    /[&<>"']/g,
    (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[c] ?? c,
  );

/** Allows only plain links: no scripts, no data. Relative links are disabled, because notes refer to repository files. */
const safeLink = (href: string): string | undefined =>
  /^https?:\/\//i.test(href) || /^#[\w\u4e00-\u9fff-]+$/.test(href) ? href : undefined;

/** Anchor of a heading, derived from its text. */
export const anchor = (text: string): string =>
  text
    .toLowerCase()
    .replace(/<[^>]*>/g, '')
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '');

/**
 * Markdown to HTML with text, structure and links only: raw HTML is shown as text, and images can only be the paper's
 * own figures. Headings move down one level, because the page has an `h1`.
 *
 * @param figure URL of a figure of the paper; undefined if the file does not exist
 * @param extensions replace or add to these rules; what they return must be safe
 */
export function renderMarkdown(
  source: string,
  figure: (file: string) => string | undefined,
  ...extensions: readonly MarkedExtension[]
): string {
  const anchors = new Map<string, number>();
  const anchorOf = (text: string): string => {
    const name = anchor(text) || 'section';
    const before = anchors.get(name) ?? 0;
    anchors.set(name, before + 1);
    return before === 0 ? name : `${name}-${before + 1}`;
  };
  const marked = new Marked({ gfm: true, async: false });
  marked.use({
    renderer: {
      html: ({ text }: Tokens.HTML | Tokens.Tag) => escapeHtml(text),
      heading({ tokens, depth, text }: Tokens.Heading) {
        const level = Math.min(depth + 1, 6);
        const inner = this.parser.parseInline(tokens);
        if (!isVisible(inner.replace(/<(?!img\b)[^>]*>/g, ''))) return '';
        return `<h${level} id="notes-${anchorOf(text)}">${inner}</h${level}>\n`;
      },
      // A checkbox that nobody can change, and that has no label, is text.
      checkbox: ({ checked }: Tokens.Checkbox) => (checked ? '☑ ' : '☐ '),
      link({ href, tokens }: Tokens.Link) {
        const inner = this.parser.parseInline(tokens);
        const safe = safeLink(href);
        if (safe === undefined) return inner;
        const outside = safe.startsWith('#') ? '' : ' rel="noreferrer noopener" target="_blank"';
        return `<a href="${escapeHtml(safe)}"${outside}>${inner}</a>`;
      },
      image({ href, text }: Tokens.Image) {
        const src = /^[a-z]+:|^\/\//i.test(href) ? undefined : figure(href.replace(/^.*\//, ''));
        return src === undefined
          ? escapeHtml(text)
          : `<img src="${escapeHtml(src)}" alt="${escapeHtml(text)}">`;
      },
      // The default renderer writes align="…", which style sheets cannot override.
      tablecell({ tokens, header }: Tokens.TableCell) {
        const tag = header ? 'th scope="col"' : 'td';
        return `<${tag}>${this.parser.parseInline(tokens)}</${header ? 'th' : 'td'}>`;
      },
    },
  });
  marked.use(...extensions);
  // Raw HTML is escaped, so these tags are the renderer's own. A wide table scrolls, also by keys.
  return marked.parse(source, { async: false }).replaceAll('<table>', '<table tabindex="0">');
}
