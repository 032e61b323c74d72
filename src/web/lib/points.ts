import { evenlySpaced } from '../../display/evenly-spaced.js';
import type { Series, SeriesKey } from '../../serve/api.js';

/** One metric of a run over its steps; each point is a bucket of steps. NaN if a bucket has no finite value. */
export interface Points {
  readonly step: readonly number[];
  readonly mean: readonly number[];
  readonly min: readonly number[];
  readonly max: readonly number[];
  /** Steps with NaN or infinity, ascending. */
  readonly gaps?: readonly number[];
}

export const NO_POINTS: Points = { step: [], mean: [], min: [], max: [] };

export function pointsOf(series: Series, key: SeriesKey): Points {
  const values = series.values[key];
  if (!values) return NO_POINTS;
  const numbers = (column: readonly (number | null)[]) => column.map((value) => value ?? Number.NaN);
  const [mean, min, max] = [numbers(values.mean), numbers(values.min), numbers(values.max)];
  return { step: series.step, mean, min, max, ...(values.gaps ? { gaps: values.gaps } : {}) };
}

/** Points of single steps. */
export function livePoints(step: readonly number[], value: readonly number[]): Points {
  const gaps = step.filter((_, i) => !Number.isFinite(value[i]));
  return { step, mean: value, min: value, max: value, ...(gaps.length > 0 ? { gaps } : {}) };
}

/** First index whose step is at least `step`. */
export function lowerBound(steps: readonly number[], step: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle]! < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

function cut({ step, mean, min, max, gaps }: Points, from: number, to: number): Points {
  // A bucket begins after the previous one.
  const after = from === 0 ? Number.NEGATIVE_INFINITY : step[from - 1]!;
  const last = to <= from ? after : (step[to - 1] ?? step.at(-1) ?? after);
  const kept = gaps?.filter((at) => at > after && at <= last) ?? [];
  return {
    step: step.slice(from, to),
    mean: mean.slice(from, to),
    min: min.slice(from, to),
    max: max.slice(from, to),
    ...(kept.length > 0 ? { gaps: kept } : {}),
  };
}

function join(...parts: readonly Points[]): Points {
  const gaps = parts.flatMap((part) => part.gaps ?? []);
  return {
    step: parts.flatMap((part) => part.step),
    mean: parts.flatMap((part) => part.mean),
    min: parts.flatMap((part) => part.min),
    max: parts.flatMap((part) => part.max),
    ...(gaps.length > 0 ? { gaps } : {}),
  };
}

/** The coarse overview with the detailed range inserted. */
export function splice(overview: Points, detail: Points): Points {
  const first = detail.step[0];
  const last = detail.step.at(-1);
  if (first === undefined || last === undefined) return overview;
  return join(
    cut(overview, 0, lowerBound(overview.step, first)),
    detail,
    cut(overview, lowerBound(overview.step, last + 1), overview.step.length),
  );
}

/** The points that remain after a run was resumed from `step`. */
export function keepUntil(points: Points, step: number): Points {
  return cut(points, 0, lowerBound(points.step, step + 1));
}

/** Points after `step`. */
export function keepAfter(points: Points, step: number): Points {
  return cut(points, lowerBound(points.step, step + 1), points.step.length);
}

/** Appends those live points that `points` does not have yet. */
export function append(points: Points, live: Points): Points {
  const last = points.step.at(-1) ?? Number.NEGATIVE_INFINITY;
  const from = lowerBound(live.step, last + 1);
  return from >= live.step.length ? points : join(points, cut(live, from, live.step.length));
}

/** Index of the point nearest to a step; -1 without points. */
export function nearest(steps: readonly number[], step: number): number {
  const after = lowerBound(steps, step);
  if (after === 0 || after === steps.length) return after === 0 && steps.length > 0 ? 0 : after - 1;
  return step - steps[after - 1]! <= steps[after]! - step ? after - 1 : after;
}

/** Evenly spaced points for a table, including the first and the last. */
export function sample(points: Points, rows: number): { step: number; value: number }[] {
  return evenlySpaced(points.step.length, rows).map((at) => ({
    step: points.step[at]!,
    value: points.mean[at]!,
  }));
}
