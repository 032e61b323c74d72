import type { RunSummary, RunsEvent } from '../../serve/api.js';

export type SortKey = 'name' | 'status' | 'dataset' | 'bestAccuracy' | 'started' | 'updated';
export interface Sort {
  readonly key: SortKey;
  readonly descending: boolean;
}

const STATUS_ORDER = ['training', 'paused', 'failed', 'interrupted', 'done'];

/** Runs whose name, tags, data set, preset, recipe or status contain every word of the filter. */
export function filterRuns(
  runs: readonly RunSummary[],
  filter: string,
  statusText: (run: RunSummary) => string = (run) => run.status,
): RunSummary[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return runs.filter((run) => {
    const text = [
      run.name,
      run.id,
      ...run.tags,
      run.dataset,
      run.preset,
      run.recipe,
      run.paper,
      statusText(run),
    ]
      .join(' ')
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** Runs without a value come last in both directions; equal values are ordered by name. */
export function sortRuns(runs: readonly RunSummary[], { key, descending }: Sort): RunSummary[] {
  const value = (run: RunSummary): string | number | undefined =>
    key === 'status'
      ? STATUS_ORDER.indexOf(run.status)
      : key === 'started' || key === 'updated'
        ? Date.parse(run[key]) || undefined
        : run[key];
  return [...runs].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === undefined || y === undefined) return x === y ? 0 : x === undefined ? 1 : -1;
    const order =
      typeof x === 'number' && typeof y === 'number'
        ? x - y
        : String(x).localeCompare(String(y), undefined, { numeric: true });
    return (descending ? -order : order) || a.name.localeCompare(b.name, undefined, { numeric: true });
  });
}

/** The list after an event: a changed run keeps its position, a new one comes first. */
export function applyEvent(runs: readonly RunSummary[], event: RunsEvent): RunSummary[] {
  if (event.event === 'gone') return runs.filter((run) => run.id !== event.id);
  const { run } = event;
  const known = runs.some((each) => each.id === run.id);
  return known ? runs.map((each) => (each.id === run.id ? run : each)) : [run, ...runs];
}
