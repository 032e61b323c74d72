import type { Command } from 'commander';
import {
  faultOf,
  matches,
  nameIn,
  namesOf,
  parseFilter,
  type Row,
  sorted,
  type Value,
  valueIn,
} from '../display/run-query.js';
import { UsageError } from '../errors/errors.js';
import { didYouMean } from '../errors/nearest.js';
import { printable } from '../errors/printable.js';
import type { RunSummary } from '../serve/api.js';
import { examples, JSON_OUTPUT, pathName } from './options/options.js';
import { note, print, printJson } from './terminal/output.js';

const COLUMNS = 'name,status,step,accuracy,best,loss,preset,dataset,started';
/** Longer texts are cut in the table. */
const LONGEST = 40;

interface Flags {
  readonly filter?: string;
  readonly sort: string;
  readonly columns?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('runs')
    .summary('list runs with their settings and results')
    .description(
      'Lists runs in the terminal. --filter, --sort and --columns accept every setting and result; a setting is named by its path in config.json (model.dropout) or by the end of it (dropout).',
    )
    .argument('[runs]', 'folder that holds the runs', pathName('runs'), 'runs')
    .option(
      '--filter <text>',
      'words, and comparisons with =, !=, <, <=, >, >= or : (contains), such as "lr>=0.01 status:done" (default: all runs)',
    )
    .option('--sort <name>', 'name to sort by; a minus sign before it reverses the order', '-started')
    .option(
      '--columns <names>',
      `columns, separated by commas; with --json the only fields (default: ${COLUMNS}, without accuracy or best if no run has one; with --json all)`,
    )
    .option(...JSON_OUTPUT)
    .addHelpText(
      'after',
      examples(
        'paperweight runs',
        'paperweight runs --filter "lr<0.1 tags:baseline" --sort=-accuracy',
        'paperweight runs --columns name,lr,batchSize,accuracy',
        'paperweight runs --json --filter status:done',
      ),
    )
    .action(list);
}

async function list(root: string, flags: Flags): Promise<void> {
  const [{ Runs }, { Settings }, { realPath }] = await Promise.all([
    import('../serve/runs/runs.js'),
    import('../serve/runs/settings-table.js'),
    import('../files/real-path.js'),
  ]);
  const runs = new Runs(realPath(root));
  try {
    const settings = new Settings(runs);
    const rows: Row<RunSummary>[] = [];
    for (const run of await runs.list()) rows.push({ run, settings: await settings.of(run.id) });
    if (rows.length === 0) return note(`There are no runs in ${printable(root)}.`);
    const names = namesOf(rows);
    const descending = flags.sort.startsWith('-');
    const order = checked('--sort', flags.sort.replace(/^-/, ''), names);
    const columns = (flags.columns ?? usualColumns(rows))
      .split(',')
      .map((name) => checked('--columns', name.trim(), names));
    checkFilter(flags.filter ?? '', rows, names);
    const terms = parseFilter(flags.filter ?? '', names);
    const shown = sorted(
      rows.filter((row) => matches(row, terms)),
      order,
      descending,
    );
    if (flags.json && flags.columns !== undefined)
      for (const row of shown)
        printJson(Object.fromEntries(columns.map((name) => [name, valueIn(row, name) ?? null])));
    else if (flags.json) for (const { run, settings } of shown) printJson({ ...run, settings });
    else for (const line of table(columns, shown)) print(line);
  } finally {
    runs.close();
  }
}

/** Without the accuracy or the best metric, if only the other is known of these runs. */
function usualColumns(rows: readonly Row[]): string {
  const has = (name: string): boolean => rows.some((row) => valueIn(row, name) !== undefined);
  const without = !has('best') ? 'best' : !has('accuracy') ? 'accuracy' : '';
  return COLUMNS.split(',')
    .filter((name) => name !== without)
    .join();
}

/** @throws UsageError for a filter that is not valid */
function checkFilter(text: string, rows: readonly Row[], names: readonly string[]): void {
  const fault = faultOf(text, rows);
  if (!fault) return;
  if (fault.kind === 'unknown') checked('--filter', fault.name, names);
  const [expected, next] =
    fault.kind === 'quote'
      ? ['a quotation mark at both ends of a text', 'add the missing ", such as in tags:"long run"']
      : fault.kind === 'number'
        ? [`a number to compare ${fault.name} with`, `write a number, such as ${fault.name}>=0.1`]
        : [
            'a name, an operator and a value, without spaces between them',
            'write it like lr>=0.01; a value with spaces is put between quotation marks',
          ];
  throw new UsageError({
    what: '--filter is not valid',
    expected,
    got: JSON.stringify(
      fault.kind === 'incomplete' ? fault.term : fault.kind === 'number' ? fault.value : text,
    ),
    next,
  });
}

/** @throws UsageError for a name that no run has */
function checked(flag: string, name: string, names: readonly string[]): string {
  const found = nameIn(names, name);
  if (found !== undefined) return found;
  throw new UsageError({
    what: `${flag} names ${JSON.stringify(name)}, which no run has`,
    expected: 'a setting or a result of a run',
    got: JSON.stringify(name),
    next: didYouMean(name, names, `choose one of ${names.slice(0, 20).join(', ')} …`),
  });
}

function table(columns: readonly string[], rows: readonly Row[]): string[] {
  const cells = rows.map((row) => columns.map((name) => textOf(name, valueIn(row, name))));
  const numeric = columns.map((name) => rows.some((row) => typeof valueIn(row, name) === 'number'));
  const widths = columns.map((name, i) => Math.max(name.length, ...cells.map((row) => row[i]!.length)));
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, i) => (numeric[i] ? text.padStart(widths[i]!) : text.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [line(columns), ...cells.map(line)];
}

function textOf(name: string, value: Value | undefined): string {
  if (value === undefined) return '';
  if (name === 'started' || name === 'updated') return String(value).slice(0, 16).replace('T', ' ');
  if (typeof value === 'number') return String(Number(value.toPrecision(name === 'accuracy' ? 4 : 6)));
  const text = printable(String(value));
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
