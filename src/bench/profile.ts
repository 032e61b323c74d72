import type { ProfileRow } from '../backend/backend.js';

/** One row of a profile with its rate and its share of the total time. */
export interface ProfileLine extends ProfileRow {
  readonly gflops: number;
  readonly share: number;
}

/** In execution order. */
export function profileLines(rows: readonly ProfileRow[]): ProfileLine[] {
  const total = rows.reduce((sum, row) => sum + row.milliseconds, 0);
  return rows.map((row) => ({
    ...row,
    gflops: row.milliseconds > 0 ? (2e-6 * row.macs) / row.milliseconds : 0,
    share: total > 0 ? row.milliseconds / total : 0,
  }));
}

/** Time per layer, in descending order. */
export function byLayer(
  rows: readonly ProfileRow[],
): { scope: string; milliseconds: number; macs: number }[] {
  const layers = new Map<string, { scope: string; milliseconds: number; macs: number }>();
  for (const { scope, milliseconds, macs } of rows) {
    const layer = layers.get(scope) ?? { scope, milliseconds: 0, macs: 0 };
    layer.milliseconds += milliseconds;
    layer.macs += macs;
    layers.set(scope, layer);
  }
  return [...layers.values()].sort((a, b) => b.milliseconds - a.milliseconds);
}

/**
 * A step as trace events for chrome://tracing and ui.perfetto.dev ("Trace Event Format": complete events, times in
 * microseconds). Rows ran sequentially, so each starts where the previous one ended.
 */
export function traceEvents(rows: readonly ProfileRow[]): object {
  let at = 0;
  const events = rows.map(({ op, scope, kernel, macs, milliseconds, layouts }) => {
    const event = {
      name: scope ? `${scope} ${op}` : op,
      cat: op === 'reorder' ? 'reorder' : kernel === 'typescript' ? 'script' : 'primitive',
      ph: 'X',
      ts: at,
      dur: milliseconds * 1000,
      pid: 1,
      tid: 1,
      args: {
        op,
        kernel,
        macs,
        gflops: milliseconds > 0 ? (2e-6 * macs) / milliseconds : 0,
        ...(layouts ? { layouts } : {}),
      },
    };
    at += event.dur;
    return event;
  });
  const named = (name: string, value: string) => ({ name, ph: 'M', pid: 1, tid: 1, args: { name: value } });
  return {
    displayTimeUnit: 'ms',
    traceEvents: [named('process_name', 'paperweight'), named('thread_name', 'plan'), ...events],
  };
}
