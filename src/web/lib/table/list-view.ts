/** How the list of runs is shown; kept in the address of the page. */
export interface ListView {
  /** Words and comparisons. */
  readonly filter: string;
  readonly sort: string;
  readonly descending: boolean;
  /** Further columns, by the name of their value. */
  readonly columns: readonly string[];
  /** Id of the run that others are compared with. */
  readonly baseline?: string | undefined;
  /** Metric of the curves above the list. */
  readonly metric: string;
}

type Query = Readonly<Record<string, string | undefined>>;
const NEWEST = { sort: 'started', descending: true } as const;

/** @param columns those that were last chosen, if the address has none */
export function listViewOf(query: Query, columns: readonly string[]): ListView {
  return {
    filter: query.q ?? '',
    sort: query.sort ?? NEWEST.sort,
    descending: query.sort === undefined ? NEWEST.descending : query.desc === '1',
    columns: query.cols === undefined ? columns : query.cols.split(',').filter(Boolean),
    baseline: query.base,
    metric: query.metric ?? 'loss',
  };
}

/** Address of the list; what is usual is left out. */
export function listHref({ filter, sort, descending, columns, baseline, metric }: ListView): string {
  const query = new URLSearchParams();
  if (filter !== '') query.set('q', filter);
  if (sort !== NEWEST.sort || descending !== NEWEST.descending) {
    query.set('sort', sort);
    if (descending) query.set('desc', '1');
  }
  if (columns.length > 0) query.set('cols', columns.join(','));
  if (baseline !== undefined) query.set('base', baseline);
  if (metric !== 'loss') query.set('metric', metric);
  const text = query.toString();
  return text === '' ? '#/' : `#/?${text}`;
}
