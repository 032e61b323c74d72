import { padEnd, padStart, widthOf } from './width.js';

let results: NodeJS.WriteStream = process.stdout;

/** From now on results go to standard error too, because a file is written to standard output. */
export function saveStandardOutput(): void {
  results = process.stderr;
}

/** A line for people or for a pipe, on standard output. */
export function print(line = ''): void {
  results.write(`${line}\n`);
}

/** A line for people, on standard error. */
export function note(line = ''): void {
  process.stderr.write(`${line}\n`);
}

/** One result for a machine: one line on standard output. */
export function printJson(value: object): void {
  results.write(`${JSON.stringify(value)}\n`);
}

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
export function table(rows: readonly (readonly string[])[], align: string): string[] {
  const widths = [...align].map((_, c) => widest(rows.map((row) => row[c] ?? '')));
  return rows.map((row) =>
    row
      .map((cell, c) => (align[c] === 'r' ? padStart(cell, widths[c]!) : padEnd(cell, widths[c]!)))
      .join('  ')
      .trimEnd(),
  );
}
