import { LANGUAGES } from '../display/languages.js';
import { escapeXml } from '../display/svg-text.js';
import type { Piece } from './copies.js';
import type { SiteContent, SiteFile } from './page-types.js';

/** Maximum number of pages in a feed. */
const MOST = 50;

/**
 * An Atom feed of each language (RFC 4287), and the list of all pages for search engines (sitemaps.org).
 *
 * @param since when a page got its present content, as an ISO date
 */
export function feeds(
  site: SiteContent,
  files: readonly SiteFile[],
  since: (path: string, bytes: Uint8Array) => string,
): Piece[] {
  const address = site.address!;
  const urlOf = (path: string): string =>
    escapeXml(address + path.split('/').map(encodeURIComponent).join('/'));
  const dated = files
    .filter(({ path }) => path.endsWith('.html') && path !== '404.html')
    .map((file) => ({ ...file, updated: since(file.path, Buffer.from(file.text)) }));
  const text = (path: string, content: string): Piece => ({ path, bytes: Buffer.from(content) });
  const title = escapeXml(site.title ?? 'Paperweight');
  const atom = LANGUAGES.map((language) => {
    const path = language === 'zh' ? 'zh/feed.xml' : 'feed.xml';
    const entries = dated
      .filter(({ entry }) => entry?.language === language)
      .sort((a, b) => (a.updated < b.updated ? 1 : -1))
      .slice(0, MOST);
    const newest = entries[0]?.updated ?? '1970-01-01T00:00:00.000Z';
    return text(
      path,
      `<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="${language === 'zh' ? 'zh-CN' : 'en'}">
<title>${title}</title>
<id>${urlOf(path)}</id>
<link rel="self" href="${urlOf(path)}"/>
<link href="${urlOf(language === 'zh' ? 'zh/index.html' : 'index.html')}"/>
<updated>${newest}</updated>
<author><name>${title}</name></author>
${entries
  .map(
    ({ path: page, updated, entry }) =>
      `<entry><title>${escapeXml(entry!.title)}</title><id>${urlOf(page)}</id><link href="${urlOf(page)}"/><updated>${updated}</updated><summary>${escapeXml(entry!.description)}</summary></entry>`,
  )
  .join('\n')}
</feed>
`,
    );
  });
  const map = `<?xml version="1.0" encoding="utf-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
${dated.map(({ path, updated }) => `<url><loc>${urlOf(path)}</loc><lastmod>${updated}</lastmod></url>`).join('\n')}
</urlset>
`;
  return [...atom, text('sitemap.xml', map)];
}
