/*
 * Runs as rows of a table: values by name, filters and order. Shared by the dashboard's pages and the command line.
 */

export type Value = string | number | boolean;
/** Values by name: settings by their path, such as `model.dropout`. */
export type Values = Readonly<Record<string, Value>>;

/** What is known of a run besides its settings. */
export interface RunFacts {
  readonly id: string;
  readonly name: string;
  readonly tags: readonly string[];
  readonly note?: string;
  readonly status: string;
  readonly paper: string;
  readonly preset: string;
  readonly recipe: string;
  readonly dataset: string;
  readonly seed: number;
  readonly started: string;
  readonly updated: string;
  readonly step: number;
  readonly epoch: number;
  readonly bestAccuracy?: number;
  readonly best?: { readonly metric: string; readonly value: number };
  readonly lastLoss?: number;
  /** Last values of other metrics. */
  readonly figures?: Readonly<Record<string, number>>;
}

const FACTS: Readonly<Record<string, (run: RunFacts) => Value | undefined>> = {
  id: (run) => run.id,
  name: (run) => run.name,
  status: (run) => run.status,
  tags: (run) => run.tags.join(', '),
  note: (run) => run.note,
  paper: (run) => run.paper,
  preset: (run) => run.preset,
  recipe: (run) => run.recipe,
  dataset: (run) => run.dataset,
  seed: (run) => run.seed,
  accuracy: (run) => run.bestAccuracy,
  best: ({ best }) => best && `${best.metric} ${Number(best.value.toPrecision(4))}`,
  loss: (run) => run.lastLoss,
  step: (run) => run.step,
  epoch: (run) => run.epoch,
  started: (run) => run.started,
  updated: (run) => run.updated,
};
/** Names that every run has. */
export const FACT_NAMES: readonly string[] = Object.keys(FACTS);

/** A run as a row. */
export interface Row<Run extends RunFacts = RunFacts> {
  readonly run: Run;
  readonly settings: Values;
}

/**
 * A value of a run: a fact, a figure, or a setting by its path or by the end of its path (`dropout` for
 * `model.dropout`).
 */
export function valueIn({ run, settings }: Row, name: string): Value | undefined {
  if (Object.hasOwn(FACTS, name)) return FACTS[name]!(run);
  if (run.figures && Object.hasOwn(run.figures, name)) return run.figures[name];
  if (Object.hasOwn(settings, name)) return settings[name];
  const path = Object.keys(settings).find((each) => each.endsWith(`.${name}`));
  return path === undefined ? undefined : settings[path];
}

/** All names of the rows, facts first. */
export function namesOf(rows: readonly Row[]): string[] {
  const figures = new Set(rows.flatMap(({ run }) => Object.keys(run.figures ?? {})));
  const settings = new Set(rows.flatMap((row) => Object.keys(row.settings)));
  return [...new Set([...FACT_NAMES, ...figures, ...settings])];
}

/** Settings of user programs (`Logger`) are below this name. */
const PROGRAM = 'settings.';

/**
 * Names of the settings in which runs differ. A run without a setting does not differ by it. A program's `settings.lr`
 * shares the name `lr` with the runs that have one, unless that is the name of a fact or a figure.
 */
export function differingSettings(rows: readonly Row[]): string[] {
  const figures = new Set(rows.flatMap(({ run }) => Object.keys(run.figures ?? {})));
  const values = new Map<string, Set<Value>>();
  for (const { settings } of rows)
    for (const [path, value] of Object.entries(settings)) {
      const short = path.startsWith(PROGRAM) ? path.slice(PROGRAM.length) : path;
      const name = Object.hasOwn(FACTS, short) || figures.has(short) ? path : short;
      const known = values.get(name);
      if (known) known.add(value);
      else values.set(name, new Set([value]));
    }
  return [...values].flatMap(([name, { size }]) => (size > 1 ? [name] : []));
}

/**
 * The name of a value as it is known: by its path or the end of its path; otherwise in another case (`Status`).
 *
 * @returns undefined for a name that no run has
 */
export function nameIn(names: readonly string[], name: string): string | undefined {
  if (names.includes(name) || names.some((each) => each.endsWith(`.${name}`))) return name;
  const lower = name.toLowerCase();
  const equal = (each: string): boolean => each.toLowerCase() === lower;
  return names.find(equal) ?? names.map((each) => each.split('.').at(-1)!).find(equal);
}

/** Longer texts of settings, such as lists of classes, are cut. */
const LONGEST = 200;

/** Settings by their path. Lists become texts. */
export function flatSettings(config: unknown, path = ''): Record<string, Value> {
  const rows: Record<string, Value> = {};
  if (typeof config !== 'object' || config === null) return rows;
  for (const [key, value] of Object.entries(config)) {
    const at = path === '' ? key : `${path}.${key}`;
    if (Array.isArray(value)) rows[at] = value.map(textOf).join(', ').slice(0, LONGEST);
    else if (typeof value === 'object' && value !== null) Object.assign(rows, flatSettings(value, at));
    else if (typeof value === 'string') rows[at] = value.slice(0, LONGEST);
    else if (typeof value === 'number' || typeof value === 'boolean') rows[at] = value;
  }
  return rows;
}

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

const OPERATORS = ['!=', '<=', '>=', '=', '<', '>', ':'] as const;
type Operator = (typeof OPERATORS)[number];

/** A part of a filter: a comparison, or a word that occurs in the run's texts. */
export type Term =
  | { readonly name: string; readonly operator: Operator; readonly value: string }
  | { readonly word: string };

const COMPARISON = /^([^\s"=<>!:]+)(!=|<=|>=|=|<|>|:)(.*)$/s;
const tokensOf = (text: string): readonly string[] => text.match(/(?:"[^"]*"?|[^\s"])+/g) ?? [];

/** What is wrong with a filter. */
export type FilterFault =
  | { readonly kind: 'quote' }
  /** An operator with a space before or after it, or with nothing to compare. */
  | { readonly kind: 'incomplete'; readonly term: string }
  | { readonly kind: 'unknown'; readonly name: string }
  /** A text where all values are numbers. */
  | { readonly kind: 'number'; readonly name: string; readonly value: string };

/** The first fault of a filter; {@link parseFilter} takes such parts as words, for texts that are still being typed. */
export function faultOf(text: string, rows: readonly Row[]): FilterFault | undefined {
  if ((text.match(/"/g)?.length ?? 0) % 2 === 1) return { kind: 'quote' };
  const names = namesOf(rows);
  for (const token of tokensOf(text)) {
    if (/^[=<>!:]/.test(token)) return { kind: 'incomplete', term: token };
    const match = COMPARISON.exec(token);
    if (!match) continue;
    const [, typed, operator, value] = match as unknown as [string, string, Operator, string];
    const name = nameIn(names, typed);
    // A word may have a colon or an address inside.
    if (name === undefined && (operator === ':' || /[^\w./-]/.test(typed))) continue;
    if (name === undefined) return { kind: 'unknown', name: typed };
    const wanted = value.replaceAll('"', '').trim();
    if (value === '' || /^[=<>!]/.test(value)) return { kind: 'incomplete', term: token };
    const values = rows.flatMap((row) => valueIn(row, name) ?? []);
    const numeric = values.length > 0 && values.every((each) => typeof each === 'number');
    if (operator !== ':' && numeric && (wanted === '' || Number.isNaN(Number(wanted))))
      return { kind: 'number', name, value: wanted };
  }
  return undefined;
}

/**
 * Parses a filter: words, and comparisons such as `lr>=0.01`, `status:done`, `tags:"long run"`. A comparison with an
 * unknown name is a word.
 *
 * @param names all names that have values
 */
export function parseFilter(text: string, names: readonly string[]): Term[] {
  const tokens = tokensOf(text);
  return tokens.map((token): Term => {
    const match = COMPARISON.exec(token);
    const plain = (part: string): string => part.replaceAll('"', '');
    const name = match ? nameIn(names, match[1]!) : undefined;
    if (match && name !== undefined) return { name, operator: match[2] as Operator, value: plain(match[3]!) };
    return { word: plain(token).toLowerCase() };
  });
}

/** @param more further text of the run in which words are looked for, such as its status in the page's language */
export function matches(row: Row, terms: readonly Term[], more = ''): boolean {
  const { run } = row;
  let text: string | undefined;
  return terms.every((term) => {
    if (!('word' in term)) return compare(row, term);
    text ??= [run.name, run.id, ...run.tags, run.dataset, run.preset, run.recipe, run.paper, run.note ?? '']
      .concat(run.status, more)
      .join(' ')
      .toLowerCase();
    return text.includes(term.word);
  });
}

function compare(row: Row, { name, operator, value }: Exclude<Term, { readonly word: string }>): boolean {
  const own = valueIn(row, name);
  const wanted = value.toLowerCase();
  if (name === 'tags' && (operator === '=' || operator === '!='))
    return row.run.tags.some((tag) => tag.toLowerCase() === wanted) === (operator === '=');
  if (own === undefined) return operator === '!=' && value !== '';
  const [text, number] = [String(own).toLowerCase(), Number(value)];
  if (operator === ':') return text.includes(wanted);
  const numeric = typeof own === 'number' && value.trim() !== '' && !Number.isNaN(number);
  const [a, b] = numeric ? [own, number] : [text, wanted];
  switch (operator) {
    case '=':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    default:
      return a >= b;
  }
}

const STATUS_ORDER = ['training', 'paused', 'failed', 'interrupted', 'done'];

/** Rows in the order of a value. Runs without it come last in both directions; equal ones are ordered by name. */
export function sorted<R extends Row>(rows: readonly R[], name: string, descending: boolean): R[] {
  const key = (row: R): Value | undefined =>
    name === 'status' ? STATUS_ORDER.indexOf(row.run.status) : valueIn(row, name);
  const keyed = rows.map((row) => ({ row, key: key(row) }));
  const byText = new Intl.Collator(undefined, { numeric: true });
  keyed.sort(({ row: a, key: x }, { row: b, key: y }) => {
    if (x === undefined || y === undefined) return x === y ? 0 : x === undefined ? 1 : -1;
    const order =
      typeof x === 'number' && typeof y === 'number' ? x - y : byText.compare(String(x), String(y));
    return (descending ? -order : order) || byText.compare(a.run.name, b.run.name);
  });
  return keyed.map(({ row }) => row);
}
