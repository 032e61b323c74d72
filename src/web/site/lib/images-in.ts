import { Marked, type Tokens } from 'marked';

/** The source addresses of all images in a Markdown text, unchanged. */
export function imagesIn(markdown: string): string[] {
  const found = new Set<string>();
  const marked = new Marked({ gfm: true });
  marked.walkTokens(marked.lexer(markdown), (token) => {
    if (token.type === 'image') found.add((token as Tokens.Image).href);
  });
  return [...found];
}
