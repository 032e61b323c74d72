import katex from 'katex';
import type { MarkedExtension, Tokens } from 'marked';
import { escapeXml } from '../../../display/svg-text.js';

/** Longer formulas are shown as their source. */
const MOST = 10_000;

/** CSS classes by their declarations: the pages have no style attributes. */
const classes = new Map<string, string>();

/** Before the pages of a site are drawn: its style sheet has the classes of its own formulas only. */
export const forgetFormulas = (): void => classes.clear();

/** Only what a style of KaTeX can be. */
const DECLARATIONS = /^(?:[a-z-]+:[\w\s.#%()+,-]*;?)+$/;

function classFor(style: string): string {
  const known = classes.get(style);
  if (known !== undefined) return known;
  const name = `formula-${classes.size.toString(36)}`;
  classes.set(style, name);
  return name;
}

/** Replaces `style="…"` by a class of {@link formulaStyles}. */
function withoutStyles(html: string): string {
  return html.replace(/<[a-z]+\b[^>]*\sstyle="[^"]*"[^>]*>/gi, (tag) => {
    const style = /\sstyle="([^"]*)"/.exec(tag)![1]!;
    const plain = tag.replace(/\sstyle="[^"]*"/, '');
    if (!DECLARATIONS.test(style)) return plain;
    const name = classFor(style);
    return /\sclass="/.test(plain)
      ? plain.replace(/\sclass="/, ` class="${name} `)
      : plain.replace(/^<[a-z]+/i, (start) => `${start} class="${name}"`);
  });
}

/** What happens with a formula that is not valid. */
type Refused = (source: string, reason: string) => void;

/** A formula as HTML and MathML; its source if it is not valid. */
function formula(source: string, displayMode: boolean, refused: Refused): string {
  try {
    if (source.length > MOST) throw new RangeError(`it has more than ${MOST} characters`);
    const html = katex.renderToString(source, {
      displayMode,
      throwOnError: true,
      strict: 'ignore',
      trust: false,
      maxExpand: 500,
      maxSize: 30,
    });
    return withoutStyles(html);
  } catch (error) {
    refused(source, (error as Error).message.replace(/^KaTeX parse error: /, ''));
    return `<code class="no-formula">${escapeXml(source)}</code>`;
  }
}

/** The style sheet of all formulas that have been drawn: as strong as the attributes that it stands for. */
export const formulaStyles = (): string =>
  [...classes]
    .map(([style, name]) => `.${name}{${style.replace(/;?$/, ';').replaceAll(';', '!important;')}}`)
    .join('\n');

export const hasFormulas = (html: string): boolean => html.includes('class="katex"');

interface Math extends Tokens.Generic {
  readonly source: string;
}

const rule = (
  name: string,
  level: 'block' | 'inline',
  start: RegExp,
  whole: readonly RegExp[],
  refused: Refused,
) => ({
  name,
  level,
  start: (text: string) => {
    const at = text.search(start);
    return at < 0 ? undefined : at;
  },
  tokenizer: (text: string) => {
    for (const pattern of whole) {
      const match = pattern.exec(text);
      if (match) return { type: name, raw: match[0], source: match[1]!.trim() };
    }
    return undefined;
  },
  renderer: (token: Tokens.Generic) =>
    level === 'block'
      ? `<div class="formula" tabindex="0">${formula((token as Math).source, true, refused)}</div>\n`
      : formula((token as Math).source, false, refused),
});

/** Formulas in Markdown: `$…$` and `\(…\)` in lines, `$$…$$` and `\[…\]` by themselves; not prices (`$5 or $6`) and code. */
export const formulaRules = (refused: Refused): MarkedExtension => ({
  extensions: [
    rule(
      'blockFormula',
      'block',
      /\$\$|\\\[/,
      [/^\$\$([^$]+)\$\$[ \t]*(?:\n|$)/, /^\\\[([\s\S]{1,10000}?)\\\][ \t]*(?:\n|$)/],
      refused,
    ),
    rule(
      'inlineFormula',
      'inline',
      /\$|\\\(/,
      [
        /^\$\$([^$\n]+)\$\$/,
        /^\$(?![\s$])((?:\\.|[^\\$`\n])*?(?:\\.|[^\\$`\s]))\$(?![\p{L}\p{N}])/u,
        /^\\\(([^\n]{1,2000}?)\\\)/,
      ],
      refused,
    ),
  ],
});
