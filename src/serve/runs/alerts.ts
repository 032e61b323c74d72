import type { RunAlert, RunSummary } from '../api.js';

/** A run that trains without news for this long has stalled, unless its steps take long. */
const STALLED_MS = 300_000;
/** … and for this many of its steps. */
const STALLED_STEPS = 30;
/** Minimum number of points of a sparkline to judge its course. */
const FEWEST = 8;

/**
 * Whether the loss is NaN, or has risen far above where it began.
 *
 * @param spark medians of the loss over the run
 */
export function isDiverged(spark: readonly number[], lastIsGap: boolean): boolean {
  if (lastIsGap) return true;
  const [first, last] = [spark[0], spark.at(-1)];
  if (first === undefined || last === undefined || spark.length < FEWEST) return false;
  const lowest = Math.min(...spark);
  const height = Math.max(first - lowest, 0.5 * Math.abs(first));
  return last > lowest + 2 * height;
}

interface Known {
  readonly status: RunSummary['status'];
  /** Alerts that were sent and whose condition still holds. */
  readonly told: ReadonlySet<RunAlert['kind']>;
}

/** Finds what is worth an alert in successive states of the list of runs. */
export class AlertWatch {
  readonly #known = new Map<string, Known>();
  #begun = false;

  /**
   * @param now milliseconds since 1970
   * @returns what happened since the last call; nothing at the first one
   */
  look(runs: readonly RunSummary[], now: number): RunAlert[] {
    const alerts: RunAlert[] = [];
    for (const run of runs) {
      const before = this.#known.get(run.id);
      const troubles = troublesOf(run, now);
      const ended = before && before.status !== run.status ? endOf(before.status, run.status) : undefined;
      const fresh = troubles.filter((kind) => before && !before.told.has(kind));
      for (const kind of [...fresh, ...(ended ? [ended] : [])])
        alerts.push({
          event: 'alert',
          kind,
          id: run.id,
          name: run.name,
          step: run.step,
          ...(run.error === undefined ? {} : { error: run.error }),
        });
      this.#known.set(run.id, { status: run.status, told: new Set(troubles) });
    }
    const listed = new Set(runs.map(({ id }) => id));
    for (const id of this.#known.keys()) if (!listed.has(id)) this.#known.delete(id);
    const first = !this.#begun;
    this.#begun = true;
    return first ? [] : alerts;
  }
}

function endOf(before: RunSummary['status'], now: RunSummary['status']): RunAlert['kind'] | undefined {
  if (before !== 'training' && before !== 'paused') return undefined;
  return now === 'done' || now === 'failed' || now === 'interrupted' ? now : undefined;
}

function troublesOf(run: RunSummary, now: number): RunAlert['kind'][] {
  // With --on-nan stop a run diverges and fails between two looks.
  const diverged = run.diverged ? (['diverged'] as const) : [];
  if (run.status !== 'training') return [...diverged];
  const quiet = now - Date.parse(run.updated);
  const patience = Math.max(STALLED_MS, STALLED_STEPS * 1000 * (run.figures?.stepSeconds ?? 0));
  return [...(run.step > 0 && quiet > patience ? (['stalled'] as const) : []), ...diverged];
}
