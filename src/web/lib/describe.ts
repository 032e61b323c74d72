import { lowerBound, type Points } from './points.js';

/** Facts of a curve for its text description. */
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

/** Facts of the finite values between two steps; undefined if there are none. */
export function curveFacts(
  points: Points,
  from = Number.NEGATIVE_INFINITY,
  to = Infinity,
): CurveFacts | undefined {
  const end = lowerBound(points.step, to + 1);
  let [first, last, lowest, highest] = [-1, -1, -1, -1];
  for (let i = lowerBound(points.step, from); i < end; i++) {
    if (!Number.isFinite(points.mean[i])) continue;
    if (first < 0) [first, lowest, highest] = [i, i, i];
    last = i;
    if (points.min[i]! < points.min[lowest]!) lowest = i;
    if (points.max[i]! > points.max[highest]!) highest = i;
  }
  if (first < 0) return undefined;
  return {
    first: points.mean[first]!,
    last: points.mean[last]!,
    lowest: points.min[lowest]!,
    lowestAt: points.step[lowest]!,
    highest: points.max[highest]!,
    highestAt: points.step[highest]!,
    from: points.step[first]!,
    to: points.step[last]!,
  };
}

/** Seconds until a run's last step at its current rate; undefined if the rate is unknown. */
export function secondsLeft(
  step: number,
  stepsTotal: number,
  stepSeconds: number | undefined,
): number | undefined {
  if (stepSeconds === undefined || !(stepSeconds > 0)) return undefined;
  return Math.max(0, stepsTotal - step) * stepSeconds;
}

/** Number of classes in a stored configuration; 0 if unknown. */
export function classCount(config: Readonly<Record<string, unknown>> | undefined): number {
  const { classes } = (config?.model ?? {}) as { readonly classes?: unknown };
  return Array.isArray(classes) ? classes.length : 0;
}
