import { printable, printableLines } from '../../errors/printable.js';
import { padEnd, padStart, widthOf } from './width.js';

let results: NodeJS.WriteStream = process.stdout;

/** From now on results go to standard error too, because a file is written to standard output. */
export function saveStandardOutput(): void {
  results = process.stderr;
}

/** A line for people or for a pipe, on standard output. */
export function print(line = ''): void {
  results.write(`${printableLines(line)}\n`);
}

/** A line for people, on standard error. */
export function note(line = ''): void {
  process.stderr.write(`${printableLines(line)}\n`);
}

/** One result for a machine: one line on standard output. */
export function printJson(value: object): void {
  results.write(`${JSON.stringify(value).replaceAll(/\p{Cc}/gu, unicodeEscape)}\n`);
}

/** JSON itself escapes only those below a blank; some terminals obey the others too. */
const unicodeEscape = (character: string): string =>
  `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`;

/** 1234567 → 1,234,567 */
export const grouped = (n: number): string => n.toLocaleString('en-US');

/** Columns of the widest of some texts; 0 of none. */
export const widest = (texts: readonly string[]): number =>
  texts.reduce((most, text) => Math.max(most, widthOf(text)), 0);

/**
 * Lines of a table with columns as wide as they need to be.
 *
 * @param align one letter a column: l or r
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
