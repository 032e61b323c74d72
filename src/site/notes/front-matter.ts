import { DataError } from '../../errors/errors.js';

/** What a note says about itself, between two lines of `---` at its beginning. */
export interface FrontMatter {
  readonly title?: string;
  /** Id or name of its paper. */
  readonly paper?: string;
  /** When it was written, in the author's own form, such as `2024/07/28 –`. */
  readonly period?: string;
  readonly tags: readonly string[];
  readonly language?: 'en' | 'zh';
  /** Of the paper. */
  readonly authors?: string;
  readonly year?: string;
}

export interface Parsed {
  readonly fields: FrontMatter;
  readonly body: string;
  /** Messages about keys that are not known, and other parts that are ignored. */
  readonly problems: readonly string[];
}

const FENCE = /^---[ \t]*$/;
const KEYS = ['title', 'paper', 'period', 'tags', 'lang', 'language', 'authors', 'year'];

/**
 * Splits front matter from a note: `key: value` lines, where `tags` is a list (`[a, b]`, `a, b` or lines of `- a`).
 *
 * @param file for messages
 * @throws DataError if it has no end, or a line of another form
 */
export function parseFrontMatter(text: string, file: string): Parsed {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/);
  if (!FENCE.test(lines[0]!)) return { fields: { tags: [] }, body: lines.join('\n'), problems: [] };
  const end = lines.findIndex((line, i) => i > 0 && FENCE.test(line));
  if (end < 0)
    throw new DataError({
      what: `The front matter of ${file} has no end`,
      expected: 'a second line of ---',
      got: `${lines.length} lines without one`,
      next: 'add it after the last key, or remove the first line of ---',
    });
  const values = new Map<string, string[]>();
  const problems: string[] = [];
  let key: string | undefined;
  for (const [i, line] of lines.slice(1, end).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const item = /^\s*-\s+(.*)$/.exec(line)?.[1];
    const pair = /^([A-Za-z][\w-]*)\s*:(?:\s+(.*)|\s*)$/.exec(line);
    if (item !== undefined && key !== undefined) values.get(key)!.push(unquoted(item));
    else if (pair) {
      key = pair[1]!.toLowerCase();
      if (!KEYS.includes(key)) problems.push(`${file}: the key "${key}" of its front matter is not known`);
      if (isUnclosed(pair[2] ?? ''))
        problems.push(
          `${file}: the value of "${key}" has a bracket or quotation mark without an end: ${pair[2]}`,
        );
      values.set(key, pair[2] === undefined ? [] : listOf(key, pair[2]));
    } else
      throw new DataError({
        what: `Line ${i + 2} of ${file} is not valid front matter`,
        expected: 'key: value, such as "period: 2024/07" or "tags: [cnn, relu]"',
        got: line.trim(),
        next: 'correct the line',
      });
  }
  const one = (name: string): string | undefined => values.get(name)?.join(', ').trim() || undefined;
  const language = languageNamed(one('language') ?? one('lang'), file);
  const [title, paper, period, authors, year] = ['title', 'paper', 'period', 'authors', 'year'].map(one);
  return {
    fields: {
      ...(title === undefined ? {} : { title }),
      ...(paper === undefined ? {} : { paper }),
      ...(period === undefined ? {} : { period: cleanPeriod(period) }),
      ...(authors === undefined ? {} : { authors }),
      ...(year === undefined ? {} : { year }),
      ...(language === undefined ? {} : { language }),
      tags: [...new Set((values.get('tags') ?? []).map((tag) => tag.trim()).filter(Boolean))],
    },
    body: lines.slice(end + 1).join('\n'),
    problems,
  };
}

/** A period whose end is open keeps a dash. */
export const cleanPeriod = (text: string): string =>
  text
    .trim()
    .slice(0, 200)
    .replace(/\s*[-–—~]+$/, ' –');

const unquoted = (text: string): string => text.trim().replace(/^(["'])(.*)\1$/, '$2');

function listOf(key: string, text: string): string[] {
  if (key !== 'tags') return [unquoted(text)];
  return itemsOf(text.trim().replace(/^\[(.*)\](?:\s+#.*)?$/, '$1'));
}

/** Items of a list with commas; one in quotation marks may have commas itself. */
export const itemsOf = (text: string): string[] =>
  [...text.matchAll(/\s*("[^"]*"|'[^']*')\s*(?=[,，、]|$)|[^,，、]+/g)]
    .map(([item, quoted]) => unquoted(quoted ?? item))
    .filter((item) => item !== '');

/** What ends a value that begins with it. */
const CLOSING: Readonly<Record<string, string>> = { '[': ']', '"': '"', "'": "'" };

/** Whether a value opens a list or a quotation that does not end. */
function isUnclosed(text: string): boolean {
  const closing = CLOSING[text.trim()[0] ?? ''];
  return closing !== undefined && !text.trim().slice(1).includes(closing);
}

function languageNamed(text: string | undefined, file: string): 'en' | 'zh' | undefined {
  if (text === undefined) return undefined;
  if (/^en\b/i.test(text)) return 'en';
  if (/^zh\b/i.test(text)) return 'zh';
  throw new DataError({
    what: `The language of ${file} is not known`,
    expected: 'en or zh',
    got: text,
    next: 'name one of them, or leave the line out',
  });
}

/** The language of a text: Chinese if it has more than a few Chinese characters. */
export function languageOf(text: string): 'en' | 'zh' {
  const prose = text.replace(/^(```|~~~).*?^\1/gms, '');
  const chinese = prose.match(/\p{Script=Han}/gu)?.length ?? 0;
  const latin = prose.match(/[A-Za-z]+/g)?.length ?? 0;
  return chinese > 0.5 * latin && chinese > 0 ? 'zh' : 'en';
}
