import { Marked, type Token, type Tokens } from 'marked';

/** Deeper Markdown is not read: each level takes a part of the stack, and nobody writes it. */
const DEEPEST = 100;
/** The same for what stands before a line, and for brackets that are open: reading them takes the square of their number. */
const INDENTED = /^[ \t>]{400}/m;
const OPEN = 200;

/** Whether a paragraph has very many open brackets of one kind at the same time. */
function opensMany(markdown: string): boolean {
  let [square, round] = [0, 0];
  for (let i = 0; i < markdown.length; i++) {
    const character = markdown[i];
    if (character === '[') square++;
    else if (character === ']') square = Math.max(0, square - 1);
    else if (character === '(') round++;
    else if (character === ')') round = Math.max(0, round - 1);
    else if (character === '\n' && markdown[i + 1] === '\n') [square, round] = [0, 0];
    if (square > OPEN || round > OPEN) return true;
  }
  return false;
}

/** The source addresses of all images in a Markdown text, unchanged; undefined if it is nested too deeply to be read. */
export function imagesIn(markdown: string): string[] | undefined {
  if (INDENTED.test(markdown) || opensMany(markdown)) return undefined;
  const found = new Set<string>();
  const marked = new Marked({ gfm: true });
  try {
    const tokens = marked.lexer(markdown);
    if (isDeeper(tokens, DEEPEST)) return undefined;
    marked.walkTokens(tokens, (token) => {
      if (token.type === 'image') found.add((token as Tokens.Image).href);
    });
  } catch (error) {
    // The stack was too small.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  return [...found];
}

const isDeeper = (tokens: readonly Token[], most: number): boolean =>
  tokens.some((token) => {
    const { items = [] } = token as Partial<Tokens.List>;
    const inner = [...('tokens' in token ? (token.tokens ?? []) : []), ...items];
    return inner.length > 0 && (most === 0 || isDeeper(inner, most - 1));
  });
