/** How the list of runs is shown; kept in the address of the page. */
export interface ListView {
  /** Words and comparisons. */
  readonly filter: string;
  readonly sort: string;
  readonly descending: boolean;
  /** Further columns, by the name of their value; undefined for settings in which the runs differ. */
  readonly columns?: readonly string[] | undefined;
  /** Id of the run that others are compared with. */
  readonly baseline?: string | undefined;
  /** Metrics of the curves above the list; the second is undefined for what was measured on the test set. */
  readonly metric: string;
  readonly second?: string | undefined;
}

type Query = Readonly<Record<string, string | undefined>>;
const NEWEST = { sort: 'started', descending: true } as const;

/** @param columns those that were last chosen, if the address has none */
export function listViewOf(query: Query, columns: readonly string[] | undefined): ListView {
  return {
    filter: query.q ?? '',
    sort: query.sort ?? NEWEST.sort,
    descending: query.sort === undefined ? NEWEST.descending : query.desc === '1',
    columns: query.cols === undefined ? columns : query.cols.split(',').filter(Boolean),
    baseline: query.base,
    metric: query.metric ?? 'loss',
    second: query.second,
  };
}

/**
 * Address of the list; what is usual is left out.
 *
 * @param charts how the curves are shown, by the names of the address
 */
export function listHref(
  { filter, sort, descending, columns, baseline, metric, second }: ListView,
  charts: Query = {},
): string {
  const usual = sort === NEWEST.sort && descending === NEWEST.descending;
  const parts: Query = {
    q: filter || undefined,
    sort: usual ? undefined : sort,
    desc: usual || !descending ? undefined : '1',
    cols: columns?.join(','),
    base: baseline,
    metric: metric === 'loss' ? undefined : metric,
    second,
    ...charts,
  };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parts)) if (value !== undefined) query.set(name, value);
  const text = query.toString();
  return text === '' ? '#/' : `#/?${text}`;
}

/** Settings that say little about the result, or are in a column anyway. */
const MINOR =
  /^(machine|data|recipe|dataset|program|steps|maxSteps|model\.(paper|preset|classes|images))(\.|$)|(Every|Limit)$/;
const MOST_USUAL = 3;

/** The columns of a list before any are chosen: the first settings in which the runs differ, the seed last. */
export const usualColumns = (differing: readonly string[]): readonly string[] =>
  differing
    .filter((name) => !MINOR.test(name))
    .sort((a, b) => Number(a === 'seed') - Number(b === 'seed'))
    .slice(0, MOST_USUAL);
