import { padEnd, padStart, widthOf } from '../../display/text-width.js';
import { printable, printableLines } from '../../errors/printable.js';

let results: NodeJS.WriteStream = process.stdout;
let silent = false;

/** From now on messages and results are dropped: another process prints them. Errors are still printed. */
export function fallSilent(): void {
  silent = true;
}

/** Sends results to standard error from now on, because standard output receives a file. */
export function saveStandardOutput(): void {
  results = process.stderr;
}

/** Prints a line on standard output. */
export function print(line = ''): void {
  if (silent) return;
  results.write(`${printableLines(line)}\n`);
}

/** Prints a message on standard error. */
export function note(line = ''): void {
  if (silent) return;
  process.stderr.write(`${printableLines(line)}\n`);
}

/** Prints one JSON object on one line of standard output. */
export function printJson(value: object): void {
  if (silent) return;
  results.write(`${JSON.stringify(value).replaceAll(/\p{Cc}/gu, unicodeEscape)}\n`);
}

/** JSON only escapes control characters below U+0020; some terminals execute others too. */
const unicodeEscape = (character: string): string =>
  `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`;

/** 1234567 → 1,234,567 */

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

/** Width of the terminal on standard output, in columns; Infinity if it is not a terminal. */
const outputColumns = (): number =>
  process.stdout.isTTY && process.env.TERM !== 'dumb'
    ? process.stdout.columns || 80
    : Number.POSITIVE_INFINITY;

export interface Fitted {
  readonly lines: string[];
  /** Heads of the columns for which there was no room. */
  readonly leftOut: readonly string[];
}

/**
 * A {@link table} that leaves columns out until its lines fit into the terminal.
 *
 * @param cells the first row has the heads
 * @param drop indices of the columns that may be left out, the least important first
 */
export function fittedTable(
  cells: readonly (readonly string[])[],
  align: string,
  drop: readonly number[],
  columns: number = outputColumns(),
): Fitted {
  for (let count = 0; ; count++) {
    const left = drop.slice(0, count);
    const lines = table(
      cells.map((row) => row.filter((_, c) => !left.includes(c))),
      [...align].filter((_, c) => !left.includes(c)).join(''),
    );
    if (count === drop.length || widest(lines) <= columns)
      return { lines, leftOut: left.sort((a, b) => a - b).map((c) => cells[0]![c]!) };
  }
}

/** A line that lists the omitted columns; empty if none was omitted. */
export const leftOutLine = ({ leftOut }: Fitted): string[] =>
  leftOut.length > 0 ? [`A wider terminal also shows: ${leftOut.join(', ')}.`] : [];
