import { printable, printableLines } from '../../errors/printable.js';
import { padEnd, padStart, widthOf } from './width.js';

let results: NodeJS.WriteStream = process.stdout;

/** Sends results to standard error from now on, because standard output receives a file. */
export function saveStandardOutput(): void {
  results = process.stderr;
}

/** Prints a line on standard output. */
export function print(line = ''): void {
  results.write(`${printableLines(line)}\n`);
}

/** Prints a message on standard error. */
export function note(line = ''): void {
  process.stderr.write(`${printableLines(line)}\n`);
}

/** Prints one JSON object on one line of standard output. */
export function printJson(value: object): void {
  results.write(`${JSON.stringify(value).replaceAll(/\p{Cc}/gu, unicodeEscape)}\n`);
}

/** JSON only escapes control characters below U+0020; some terminals execute others too. */
const unicodeEscape = (character: string): string =>
  `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`;

/** 1234567 → 1,234,567 */
export const grouped = (n: number): string => n.toLocaleString('en-US');

/** Largest width of the texts in columns; 0 without texts. */
export const widest = (texts: readonly string[]): number =>
  texts.reduce((most, text) => Math.max(most, widthOf(text)), 0);

/**
 * Lines of a table with columns as wide as their widest cell.
 *
 * @param align one letter per column: l or r
 */
export function table(cells: readonly (readonly string[])[], align: string): string[] {
  const rows = cells.map((row) => row.map(printable));
  const widths = [...align].map((_, c) => widest(rows.map((row) => row[c] ?? '')));
  return rows.map((row) =>
    row
      .map((cell, c) => (align[c] === 'r' ? padStart(cell, widths[c]!) : padEnd(cell, widths[c]!)))
      .join('  ')
      .trimEnd(),
  );
}
