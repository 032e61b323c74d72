/** Control characters, line separators, and marks that change the direction of the text after them. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  const code = character.codePointAt(0)!.toString(16);
  return (
    SHORT[character] ?? (code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`)
  );
}

/** Escapes control characters, which a terminal would interpret, so that a name stays on one line. */
export const printable = (name: string): string => name.replaceAll(CONTROL, escaped);

/** {@link printable} for text that may have several lines: newlines and tabs are kept. */
export const printableLines = (text: string): string =>
  text.replaceAll(CONTROL, (character) => ('\n\t'.includes(character) ? character : escaped(character)));
