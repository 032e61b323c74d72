import type { RunSummary, RunsEvent } from '../../serve/api.js';

/** The list after events: changed runs keep their position, new ones come first. What changes nothing returns the same list. */
export function applyEvents(
  runs: readonly RunSummary[],
  events: readonly RunsEvent[],
): readonly RunSummary[] {
  const found = new Map(runs.map((run) => [run.id, run]));
  const added: string[] = [];
  let changed = false;
  for (const event of events) {
    if (event.event === 'alert') continue;
    if (event.event === 'gone') {
      changed = found.delete(event.id) || changed;
      continue;
    }
    const { run } = event;
    const before = found.get(run.id);
    // A stream begins with every run, most of which the list has as they are.
    if (before && JSON.stringify(before) === JSON.stringify(run)) continue;
    if (!before) added.unshift(run.id);
    found.set(run.id, run);
    changed = true;
  }
  if (!changed) return runs;
  const fresh = new Set(added);
  const first = added.flatMap((id) => found.get(id) ?? []);
  return [...first, ...[...found.values()].filter(({ id }) => !fresh.has(id))];
}

/** The list after one event. */
export const applyEvent = (runs: readonly RunSummary[], event: RunsEvent): readonly RunSummary[] =>
  applyEvents(runs, [event]);
