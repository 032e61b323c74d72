import type { RunSummary, RunsEvent } from '../../serve/api.js';

/** The list after an event: a changed run keeps its position, a new one comes first. */
export function applyEvent(runs: readonly RunSummary[], event: RunsEvent): RunSummary[] {
  if (event.event === 'alert') return [...runs];
  if (event.event === 'gone') return runs.filter((run) => run.id !== event.id);
  const { run } = event;
  const known = runs.some((each) => each.id === run.id);
  return known ? runs.map((each) => (each.id === run.id ? run : each)) : [run, ...runs];
}
