import { textOf } from './prose.js';

/** A part of a page, for search: title, address from the site's root, text. */
export interface Found {
  readonly title: string;
  readonly path: string;
  readonly text: string;
}

/** Where a part begins: a heading or a claim with an anchor. */
const PART = /<(?:h[23]|li class="claim") ?[^>]*?id="([^"]+)"/g;
/** Longer parts are cut. */
const MOST = 4000;

/** The parts of a page. Code is not part of them. */
export function foundIn(html: string, path: string, page: string): Found[] {
  const body = html
    .slice(html.indexOf('<main'), html.indexOf('</main>'))
    .replace(/<(pre|nav|math)\b.*?<\/\1>/gs, ' ');
  const starts = [...body.matchAll(PART)].map((match) => ({ at: match.index, id: match[1]! }));
  const parts = [{ at: 0, id: '' }, ...starts].map(({ at, id }, i, all) => {
    const own = body.slice(at, all[i + 1]?.at);
    const heading = /^<h[23][^>]*>(.*?)<\/h[23]>/s.exec(own)?.[1];
    return {
      title: heading === undefined ? page : `${page}: ${textOf(heading)}`,
      path: id === '' ? path : `${path}#${id}`,
      text: textOf(own.replace(/<(?=\/?(?:p|li|dt|dd|td|th|h\d|summary)\b)/g, ' <')).slice(0, MOST),
    };
  });
  return parts.filter(({ text }) => text !== '');
}
