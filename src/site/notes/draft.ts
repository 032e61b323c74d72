import { UsageError } from '../../errors/errors.js';
import { printable } from '../../errors/printable.js';
import { shellWord } from '../../errors/shell-word.js';
import type { PaperDraft } from '../../papers/scaffold.js';
import { type FrontMatter, languageOf, parseFrontMatter } from './front-matter.js';
import { headingsOf, plain, sectionsOf } from './notebook.js';

/** What a note says about its paper, in parts that can be missing. */
type Citation = Partial<Record<'authors' | 'title' | 'year', string>>;

/** Most sentences that become claims. */
const MOST_CLAIMS = 40;
/** Lines at the beginning in which a citation is looked for. */
const HEAD = 25;
/** Longer lines are cut. */
const MOST_LINE = 5000;

/**
 * A draft of a paper from a note about it: what the note says itself, what was guessed, and what is missing.
 *
 * @param file for messages
 * @param wanted id of the paper, if it is known: chooses a part of a notebook about several papers
 * @throws DataError for front matter that is not valid, UsageError for a notebook about several papers without a choice
 */
export function draftFrom(text: string, file: string, wanted?: string): PaperDraft {
  const { fields: front, body: whole } = parseFrontMatter(text, file);
  const { fields, body } = partOf(whole, front, file, wanted);
  const lines = body.split('\n');
  const said: Citation = pick(fields);
  const found = citationIn(lines.slice(0, HEAD));
  const guessed: string[] = [];
  const missing: string[] = [];
  const citation: Record<'authors' | 'title' | 'year', string> = { authors: '', title: '', year: '' };
  for (const key of ['authors', 'title', 'year'] as const) {
    // The title of a note is the name of a network as often as the title of its paper.
    const own = key === 'title' ? undefined : said[key];
    citation[key] = own ?? found[key] ?? `TODO ${key}`;
    if (own === undefined) (found[key] === undefined ? missing : guessed).push(key);
  }
  return {
    name: fields.title ?? found.title ?? wanted ?? 'TODO name',
    citation: `${citation.authors}: ${citation.title}. ${citation.year}`,
    language: fields.language ?? languageOf(body),
    notes: body,
    claims: claimsIn(lines),
    guessed,
    missing,
  };
}

const pick = ({ authors, year }: FrontMatter): Citation => ({
  ...(authors === undefined ? {} : { authors }),
  ...(year === undefined ? {} : { year }),
});

/** The part of a notebook that is meant; the whole text, if it is about one paper. */
function partOf(body: string, front: FrontMatter, file: string, wanted: string | undefined) {
  const tops = headingsOf(body.split(/\r\n|\r|\n/)).filter(({ level }) => level === 1);
  // A heading of invisible characters or of an image without a name is no title.
  const parts = tops.length === 0 ? [] : sectionsOf(body).filter(({ fields }) => fields.title !== undefined);
  if (front.title !== undefined || parts.length === 0)
    return { fields: front, body: body.replaceAll(/\r\n|\r/g, '\n').trim() };
  const idOf = (title: string) => title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const chosen =
    parts.length === 1
      ? parts[0]
      : parts.find(({ fields }) => wanted !== undefined && idOf(fields.title!) === wanted);
  if (chosen) return { fields: { ...front, ...chosen.fields }, body: chosen.body };
  throw new UsageError({
    what: `${file} is about several papers`,
    expected: 'a note about one, or the id of one of them',
    got: parts.map(({ fields }) => `"${fields.title}"`).join(', '),
    next: `give the id that belongs to one of the titles, such as: paperweight new ${idOf(parts[0]!.fields.title!)} --from ${shellWord(printable(file))}`,
  });
}

const LABELS: readonly (readonly [keyof Citation, RegExp])[] = [
  ['authors', /^\W*(?:authors?|作者)\W*[:：]\s*(.+)$/i],
  ['title', /^\W*(?:title|paper|题目|标题|论文)\W*[:：]\s*(.+)$/i],
  ['year', /^\W*(?:year|published|年份|发表)\W*[:：]\D*((?:19|20)\d\d)/i],
];
const YEAR = /(?<![\d./-])((?:19|20)\d\d)(?![\d/-]|\.\d)/;
/** `A. Krizhevsky, I. Sutskever: …`: initials and names, up to a colon or a quotation mark. */
const NAMES =
  /^\W*((?:\p{Lu}\.[\s-]?)+\p{Lu}[\p{L}'’-]+(?:(?:,| and| &| et al\.?)\s*(?:(?:\p{Lu}\.[\s-]?)*\p{Lu}[\p{L}'’-]+)?)*)/u;
const ET_AL = /(\p{Lu}[\p{L}'’-]+ et al)\.?,?\s*\(?((?:19|20)\d\d)/u;

/** Authors, title and year, where a line has a label for them, or is a citation in one of the usual forms. */
function citationIn(lines: readonly string[]): Citation {
  const found: { -readonly [K in keyof Citation]: Citation[K] } = {};
  for (const whole of lines) {
    const line = whole.slice(0, MOST_LINE);
    if (/^ {0,3}([`~]{3}|#|!\[)/.test(line)) break;
    for (const [key, label] of LABELS) {
      const text = label.exec(line)?.[1];
      if (text !== undefined) found[key] ??= plain(text).replace(/[.。\s]+$/, '');
    }
    const names = NAMES.exec(line)?.[1]?.trim();
    const year = YEAR.exec(line)?.[1];
    if (names !== undefined && year !== undefined) {
      const title = /[*_“"«《]([^*_”"»》]{8,300})[*_”"»》]/.exec(line)?.[1];
      found.authors ??= names.replace(/[,\s]+$/, '');
      found.year ??= year;
      if (title !== undefined) found.title ??= title.trim().replace(/\.$/, '');
    }
    const short = ET_AL.exec(line);
    if (short) {
      found.authors ??= `${short[1]}.`;
      found.year ??= short[2]!;
    }
    const arxiv = /arxiv\W{1,3}(?:abs\/|pdf\/)?(\d\d)(?:0[1-9]|1[0-2])\.\d{4,5}/i.exec(line)?.[1];
    if (arxiv !== undefined) found.year ??= `20${arxiv}`;
  }
  return found;
}

const UNIT = '(?:\\s?(?:%|‰|percent\\b|million\\b|billion\\b|thousand\\b|times\\b|倍|万|亿|[kKMGB]\\b))?';
const NUMBER = `\\d[\\d,]*(?:\\.\\d+)?(?:e-?\\d+)?`;
const AMOUNT = new RegExp(`(?<![A-Za-z\\d.])${NUMBER}(?:\\s?[×x*–-]\\s?${NUMBER})*${UNIT}`, 'gu');
/** Numbers that only point somewhere. */
const POINTER =
  /(?:sections?|figures?|figs?\.?|tables?|equations?|chapters?|pages?|appendix|§|第|图|表|公式|章)\s*\d+(?:\.\d+)*(?:\s*(?:节|章|层|步|个))?/giu;

/** Sentences with numbers, each with its heading: they may be claims of the paper. */
function claimsIn(lines: readonly string[]): PaperDraft['claims'] {
  const headings = new Map(headingsOf(lines).map(({ line, text }) => [line, plain(text)]));
  const claims: { section: string; sentence: string; says: string }[] = [];
  let section = 'notes';
  let fence: string | undefined;
  let paragraph: string[] = [];
  const flush = (): void => {
    for (const sentence of sentencesOf(paragraph.join(' ').slice(0, MOST_LINE))) {
      const amounts = amountsIn(sentence);
      if (amounts.length > 0) claims.push({ section, sentence, says: amounts.join(' · ') });
    }
    paragraph = [];
  };
  for (const [i, line] of lines.entries()) {
    const mark = /^ {0,3}(```|~~~)/.exec(line)?.[1];
    if (mark !== undefined) fence = fence === undefined ? mark : fence === mark ? undefined : fence;
    const heading = headings.get(i);
    const text = /^\s*(?:[-*+]|\d+[.)])\s+(.*)$/.exec(line)?.[1];
    const skipped = mark !== undefined || fence !== undefined || /^\s*(?:$|\||>|!\[)/.test(line);
    if (heading !== undefined || skipped || text !== undefined) flush();
    if (heading !== undefined) section = /^[\dA-Z]+(?:\.\d+)*(?=[.\s])/.exec(heading)?.[0] ?? heading;
    else if (!skipped) paragraph.push(text ?? line.trim());
  }
  flush();
  return claims.slice(0, MOST_CLAIMS);
}

const sentencesOf = (text: string): string[] =>
  plain(text)
    .split(/(?<=[。！？；])|(?<=[.!?])\s+(?=\p{Lu}|\p{Script=Han}|\d|"|“)/u)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence.length > 3);

function amountsIn(sentence: string): string[] {
  const found = sentence.replace(POINTER, ' ').match(AMOUNT) ?? [];
  return [
    ...new Set(found.map((amount) => amount.trim()).filter((amount) => !/^(?:19|20)\d\d$/.test(amount))),
  ].slice(0, 6);
}
