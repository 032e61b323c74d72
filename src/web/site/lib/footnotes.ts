import type { MarkedExtension, Tokens } from 'marked';

interface Note extends Tokens.Generic {
  readonly name: string;
}

/** `[^name]: text` */
const DEFINITION = /^\[\^([^\]\s]{1,100})\]:[ \t]*/;

/** The end of a definition: an empty line that is not followed by an indented one, or the next definition. */
function endOf(source: string): number {
  let at = 0;
  for (;;) {
    const line = source.indexOf('\n', at);
    if (line < 0) return source.length;
    at = line + 1;
    const next = source.slice(at, at + 200);
    if (DEFINITION.test(next) || /^[ \t]*\n(?![ \t]+\S)/.test(next) || /^[ \t]*$/.test(next)) return at;
  }
}

/**
 * Footnotes in Markdown: `[^name]` leads to the text of `[^name]: …`, which stands at the end with a link back. Those
 * that nothing refers to come last; a name without a text stays as it is.
 *
 * @param back what a link back is called
 */
export function footnoteRules(back: string): MarkedExtension {
  const texts = new Map<string, string>();
  const defined = new Set<string>();
  /** In the order of their numbers. */
  const used: string[] = [];
  return {
    extensions: [
      {
        name: 'footnoteText',
        level: 'block',
        start: (source: string) => {
          const end = source.indexOf('\n\n');
          const at = (end < 0 ? source : source.slice(0, end)).indexOf('\n[^');
          return at < 0 ? undefined : at + 1;
        },
        tokenizer(source) {
          const match = DEFINITION.exec(source);
          if (!match) return undefined;
          const raw = source.slice(0, endOf(source));
          const name = match[1]!;
          defined.add(name);
          const text = raw.slice(match[0].length).replace(/\s*\n\s*/g, '\n');
          return { type: 'footnoteText', raw, name, tokens: this.lexer.inline(text.trim()) };
        },
        renderer(token) {
          const { name } = token as Note;
          if (!texts.has(name)) texts.set(name, this.parser.parseInline(token.tokens ?? []));
          return '';
        },
      },
      {
        name: 'footnote',
        level: 'inline',
        start: (source: string) => source.match(/\[\^/)?.index,
        tokenizer(source) {
          const match = /^\[\^([^\]\s]{1,100})\]/.exec(source);
          if (!match || !defined.has(match[1]!)) return undefined;
          return { type: 'footnote', raw: match[0], name: match[1]! };
        },
        renderer(token) {
          const { name } = token as Note;
          const first = !used.includes(name);
          if (first) used.push(name);
          const n = used.indexOf(name) + 1;
          return `<sup${first ? ` id="footnote-from-${n}"` : ''}><a href="#footnote-${n}">${n}</a></sup>`;
        },
      },
    ],
    hooks: {
      postprocess(html) {
        if (texts.size === 0) return html;
        const names = [...used, ...[...texts.keys()].filter((name) => !used.includes(name))];
        const items = names.map((name, i) => {
          const link = i < used.length ? ` <a href="#footnote-from-${i + 1}" aria-label="${back}">↩</a>` : '';
          return `<li id="footnote-${i + 1}">${texts.get(name) ?? ''}${link}</li>\n`;
        });
        return `${html}<hr>\n<ol>\n${items.join('')}</ol>\n`;
      },
    },
  };
}
