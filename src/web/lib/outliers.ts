import { robustLimits } from '../../display/robust-limits.js';
import type { Points } from './points.js';
import { smooth } from './smooth.js';

/** A curve without its outliers, and the outliers. */
export interface Parted {
  /** NaN in place of outliers. */
  readonly kept: readonly number[];
  readonly outside?: { readonly step: readonly number[]; readonly value: readonly number[] };
}

/** Removes values that would pull the moving average off the chart. */
function partOutliers({ step, mean }: Points, log: boolean): Parted {
  const limits = robustLimits([mean], log);
  const far = (v: number): boolean => limits !== undefined && (v > limits.max || v < limits.min);
  const at = mean.flatMap((v, i) => (far(v) ? [i] : []));
  if (at.length === 0) return { kept: mean };
  return {
    kept: mean.map((v) => (far(v) ? Number.NaN : v)),
    outside: { step: at.map((i) => step[i]!), value: at.map((i) => mean[i]!) },
  };
}

/** A curve's moving average with the curve's gaps, and the outliers excluded from it. */
export function smoothCurve(
  points: Points,
  { span, clip, log }: { readonly span: number; readonly clip: boolean; readonly log: boolean },
): { readonly value: readonly (number | null)[]; readonly outside?: NonNullable<Parted['outside']> } {
  const { kept, outside } = clip ? partOutliers(points, log) : { kept: points.mean };
  const value = smooth(points.step, kept, span).map((v, i) => (Number.isNaN(points.mean[i]) ? null : v));
  return { value, ...(outside ? { outside } : {}) };
}
