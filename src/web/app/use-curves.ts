import { useMemo } from 'preact/hooks';
import type { RunClock, RunCurve } from '../../serve/api.js';
import { type Points, splice } from '../lib/points.js';
import type { Range } from '../lib/range.js';
import { type ApiFailure, get } from './api.js';
import { useLoad, useSettled } from './use.js';

const SETTLE_MS = 160;

export interface LoadedCurve {
  readonly id: string;
  readonly points: Points;
  readonly clock?: RunClock;
}

export interface Curves {
  readonly curves: readonly LoadedCurve[];
  readonly failure: ApiFailure | undefined;
  readonly loading: boolean;
}

function pointsIn(curve: NonNullable<RunCurve['curve']>): Points {
  const numbers = (column: readonly (number | null)[]) => column.map((value) => value ?? Number.NaN);
  return {
    step: curve.step,
    mean: numbers(curve.mean),
    min: numbers(curve.min),
    max: numbers(curve.max),
    ...(curve.gaps ? { gaps: curve.gaps } : {}),
  };
}

/**
 * One metric of several runs: a coarse overview, and the visible range of steps in detail.
 *
 * @param turn another number loads again
 */
export function useCurves(
  ids: readonly string[],
  name: string,
  {
    range,
    clock,
    turn,
    points,
  }: {
    readonly range: Range | undefined;
    readonly clock: boolean;
    readonly turn: number;
    readonly points: number;
  },
): Curves {
  const runs = ids.map(encodeURIComponent);
  const key = ids.length === 0 ? undefined : `${name} ${clock} ${points} ${turn} ${runs.join()}`;
  const ask = (within: Range | undefined, signal: AbortSignal) =>
    get(
      'GET /api/curves',
      { query: { runs, name, points, ...within, ...(clock ? { clock: 'yes' } : {}) } },
      signal,
    );
  const whole = useLoad(key, (signal) => ask(undefined, signal), { keep: true });
  const settled = useSettled(range, SETTLE_MS);
  const detail = useLoad(key && settled ? `${key} ${settled.from} ${settled.to}` : undefined, (signal) =>
    ask(settled, signal),
  );
  const curves = useMemo(() => {
    const fine = new Map((detail.value ?? []).map((each) => [each.id, each.curve]));
    return (whole.value ?? []).flatMap(({ id, curve, clock: own }): LoadedCurve[] => {
      if (!curve || !ids.includes(id)) return [];
      const part = fine.get(id);
      const coarse = pointsIn(curve);
      return [{ id, points: part ? splice(coarse, pointsIn(part)) : coarse, ...(own ? { clock: own } : {}) }];
    });
  }, [whole.value, detail.value, ids]);
  return { curves, failure: whole.failure, loading: whole.loading };
}
