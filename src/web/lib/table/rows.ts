import { type Row, type Value, type Values, valueIn } from '../../../display/run-query.js';
import type { RunSummary, SettingsTable } from '../../../serve/api.js';
import { percent, significant } from '../format.js';

export type RunRow = Row<RunSummary>;

/** Runs with their settings. */
export function rowsOf(runs: readonly RunSummary[], table: SettingsTable | undefined): RunRow[] {
  return runs.map((run) => ({ run, settings: settingsOf(run.id, table) }));
}

function settingsOf(id: string, table: SettingsTable | undefined): Values {
  if (!table || !Object.hasOwn(table.runs, id)) return {};
  const own: Record<string, Value> = { ...table.equal };
  table.names.forEach((name, i) => {
    const value = table.runs[id]![i];
    if (value !== null && value !== undefined) own[name] = value;
  });
  return own;
}

/** The title of a column: the end of a setting's path, but all of it where a program's setting has a fact's name. */
export const columnTitle = (name: string): string =>
  name.startsWith('settings.') ? name : name.split('.').at(-1)!;

/** A value as text in the table. */
export function cellText(name: string, value: Value | undefined): string {
  if (value === undefined) return '–';
  if (typeof value === 'number') return name === 'accuracy' ? percent(value) : numberText(value);
  return String(value);
}

const numberText = (value: number): string =>
  Number.isInteger(value) && Math.abs(value) < 1e6 ? String(value) : significant(value, 4);

/** How a number differs from the baseline's: `+0.12`; undefined if one is missing or they are equal. */
export function differenceText(name: string, row: RunRow, baseline: RunRow): string | undefined {
  const [own, base] = [valueIn(row, name), valueIn(baseline, name)];
  if (typeof own !== 'number' || typeof base !== 'number' || own === base) return undefined;
  const difference = own - base;
  const text = name === 'accuracy' ? percent(Math.abs(difference)) : significant(Math.abs(difference), 3);
  return `${difference > 0 ? '+' : '−'}${text}`;
}

/** The table as CSV: a row for each run. */
export function tableCsv(
  rows: readonly RunRow[],
  names: readonly string[],
  cell: (text: string) => string,
): string {
  const lines = [
    names.map(cell),
    ...rows.map((row) => names.map((name) => cell(String(valueIn(row, name) ?? '')))),
  ];
  return `${lines.map((line) => line.join(',')).join('\r\n')}\r\n`;
}

/** The table as JSON: a list with an object for each run. */
export const tableJson = (rows: readonly RunRow[], names: readonly string[]): string =>
  `${JSON.stringify(
    rows.map((row) => Object.fromEntries(names.map((name) => [name, valueIn(row, name) ?? null]))),
    undefined,
    2,
  )}\n`;
