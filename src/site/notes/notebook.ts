import { isVisible } from '../../display/visible.js';
import { cleanPeriod, type FrontMatter, itemsOf } from './front-matter.js';

/** A heading of a Markdown text. */
export interface Heading {
  readonly level: number;
  readonly text: string;
  /** Index of its line. */
  readonly line: number;
}

/** A part of a notebook: what stands below one of its top headings. */
export interface Section {
  readonly fields: FrontMatter;
  /** Without its heading. */
  readonly body: string;
}

/** Longer headings are cut. */
const MOST_HEADING = 500;

/** A heading's text without the marks that may close it: `text ##`. */
function withoutClosing(text: string): string {
  const words = text.trim().split(/[ \t]+/);
  if (/^#+$/.test(words.at(-1)!)) words.pop();
  return words.join(' ');
}

/** Headings (`# …`) outside of code. */
export function headingsOf(lines: readonly string[]): Heading[] {
  const found: Heading[] = [];
  let fence: string | undefined;
  for (const [line, text] of lines.entries()) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(text)?.[1];
    if (mark !== undefined) {
      if (fence === undefined) fence = mark;
      else if (mark[0] === fence[0] && mark.length >= fence.length && /^ {0,3}[`~]+\s*$/.test(text))
        fence = undefined;
    } else if (fence === undefined) {
      const heading = /^ {0,3}(#{1,6})[ \t]+(.*)$/.exec(text.slice(0, MOST_HEADING));
      if (heading) found.push({ level: heading[1]!.length, text: withoutClosing(heading[2]!), line });
    }
  }
  return found;
}

/** A line that says something about a section, as people write it below a heading: `> period: 2024/07 -`. */
const SAID = /^>\s*(period|paper|tags|authors|year)\s*[:：](.+)$/i;

/**
 * The parts of a notebook, one for each heading of its highest level; what stands before the first one is a part
 * without a title, if there is anything.
 */
export function sectionsOf(text: string): Section[] {
  const lines = text.split(/\r\n|\r|\n/);
  const headings = headingsOf(lines);
  const highest = Math.min(...headings.map(({ level }) => level));
  const tops = headings.filter(({ level }) => level === highest);
  const starts = [{ text: undefined, line: -1 }, ...tops];
  return starts.flatMap(({ text: title, line }, i): Section[] => {
    const own = lines.slice(line + 1, starts[i + 1]?.line);
    const fields: Record<string, string> = {};
    let at = own.findIndex((each) => each.trim() !== '');
    // Only directly below the heading: further down it is a quotation.
    for (let said = SAID.exec(own[at] ?? ''); said; said = SAID.exec(own[at] ?? '')) {
      fields[said[1]!.toLowerCase()] = said[2]!.trim().slice(0, MOST_HEADING);
      own.splice(at, 1);
      if (at >= own.length) at = -1;
    }
    const name = plain(title ?? '');
    const body = own.join('\n').trim();
    if (!isVisible(name) && body === '') return [];
    const { period, paper, authors, year, tags = '' } = fields;
    return [
      {
        body,
        fields: {
          ...(isVisible(name) ? { title: name } : {}),
          ...(period === undefined ? {} : { period: cleanPeriod(period) }),
          ...(paper === undefined ? {} : { paper }),
          ...(authors === undefined ? {} : { authors }),
          ...(year === undefined ? {} : { year }),
          tags: itemsOf(tags),
        },
      },
    ];
  });
}

/** A heading without its Markdown. */
export const plain = (text: string): string =>
  text
    .replace(/!?\[([^\][]{0,300})\]\([^)(]{0,500}\)/g, '$1')
    .replace(/[*_`~]+/g, '')
    .trim();
