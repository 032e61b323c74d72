import { lowerBound, type Points } from './points.js';

/** What a curve shows, for a sentence beside it. */
export interface CurveFacts {
  readonly first: number;
  readonly last: number;
  readonly lowest: number;
  readonly lowestAt: number;
  readonly highest: number;
  readonly highestAt: number;
  readonly from: number;
  readonly to: number;
}

/** Facts of the part between two steps; undefined where nothing was logged. */
export function curveFacts(
  points: Points,
  from = Number.NEGATIVE_INFINITY,
  to = Infinity,
): CurveFacts | undefined {
  const begin = lowerBound(points.step, from);
  const end = lowerBound(points.step, to + 1);
  let lowest = begin;
  let highest = begin;
  if (begin >= end) return undefined;
  for (let i = begin; i < end; i++) {
    if (points.min[i]! < points.min[lowest]!) lowest = i;
    if (points.max[i]! > points.max[highest]!) highest = i;
  }
  return {
    first: points.mean[begin]!,
    last: points.mean[end - 1]!,
    lowest: points.min[lowest]!,
    lowestAt: points.step[lowest]!,
    highest: points.max[highest]!,
    highestAt: points.step[highest]!,
    from: points.step[begin]!,
    to: points.step[end - 1]!,
  };
}

/** Seconds until a run's last step at its present rate; undefined where no rate is known. */
export function secondsLeft(
  step: number,
  stepsTotal: number,
  stepSeconds: number | undefined,
): number | undefined {
  if (stepSeconds === undefined || !(stepSeconds > 0)) return undefined;
  return Math.max(0, stepsTotal - step) * stepSeconds;
}
