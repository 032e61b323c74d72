/** Range of a chart's axis. */
export interface Limits {
  readonly min: number;
  readonly max: number;
}

/** Whether a chart can show a value: a finite one, above 0 on a logarithmic axis. */
export const isDrawable = (value: number | null | undefined, log = false): value is number =>
  Number.isFinite(value) && (!log || (value as number) > 0);

type Curves = readonly (readonly (number | null | undefined)[])[];

/** Number of neighbouring values for the local median. */
const WINDOW = 9;
/** A value is a spike if its distance from the local median is more than this many times the 90th percentile. */
const SPIKE = 8;
/** Spikes are clipped if the other values would otherwise have less than this share of the axis. */
const SQUEEZED = 1 / 3;
/** Number of sampled positions for the 90th percentile of distances. */
const SAMPLES = 200;
/** Largest share of values at each end that is clipped, spikes or not, if the others would have less than TINY. */
const TAIL = 0.02;
const TINY = 1 / 12;
/** With fewer values nothing is clipped. */
const FEWEST = 5;

/**
 * Limits of an axis that outliers do not flatten: the extremes of all finite values, unless spikes, or a few of the
 * largest or smallest values, would leave the others only a small part of the axis.
 *
 * @param curves values in the order of their steps; NaN and infinity are skipped
 * @param log whether the axis is logarithmic: distances are then ratios, and values of 0 and below are skipped
 * @returns undefined if no value is finite
 */
export function robustLimits(curves: Curves, log = false): Limits | undefined {
  if (!log) return linearLimits(curves);
  const logOf = (v: number | null | undefined) => (isDrawable(v, true) ? Math.log10(v) : undefined);
  const limits = linearLimits(curves.map((curve) => curve.map(logOf)));
  return limits && { min: 10 ** limits.min, max: 10 ** limits.max };
}

function linearLimits(curves: Curves): Limits | undefined {
  const all = sortedOf(curves);
  if (all.length === 0) return undefined;
  const whole = ends(all);
  if (all.length < FEWEST || isSpread(all)) return whole;
  const calm = sortedOf(curves.map((curve) => withoutSpikes(curve.filter((v) => isDrawable(v)))));
  if (calm.length === 0 || size(ends(calm)) >= SQUEEZED * size(whole)) return withoutTails(all);
  // Spikes that leave the other values enough space stay.
  const { min, max } = ends(calm);
  const room = (1 / SQUEEZED - 1) * (max - min);
  return withoutTails(all.filter((v) => v >= min - room && v <= max + room));
}

/** The extremes of all finite values. */
export function wholeLimits(curves: Curves): Limits | undefined {
  const all = sortedOf(curves);
  return all.length === 0 ? undefined : ends(all);
}

const size = ({ min, max }: Limits): number => max - min;

const ends = (sorted: Float64Array): Limits => ({ min: sorted[0]!, max: sorted.at(-1)! });

/** The finite values of all curves, sorted. Charts call this for each frame of a gesture, so it must be fast. */
function sortedOf(curves: Curves): Float64Array {
  const values = new Float64Array(curves.reduce((n, curve) => n + curve.length, 0));
  let count = 0;
  for (const curve of curves)
    for (let i = 0; i < curve.length; i++) {
      const v = curve[i];
      if (isDrawable(v)) values[count++] = v;
    }
  return values.subarray(0, count).sort();
}

/** The 5th and 95th percentile, excluding the extremes. */
function bulk(sorted: Float64Array): Limits {
  const last = sorted.length - 1;
  return { min: sorted[Math.ceil(0.05 * last)]!, max: sorted[Math.floor(0.95 * last)]! };
}

/** Whether the values fill the axis, the usual case. */
const isSpread = (sorted: Float64Array): boolean => size(bulk(sorted)) >= SQUEEZED * size(ends(sorted));

/** The values without spikes. */
function withoutSpikes(values: readonly number[]): readonly number[] {
  if (values.length < FEWEST) return values;
  const sorted = Float64Array.from(values).sort();
  const { min, max } = bulk(sorted);
  const distance = (i: number): number => Math.abs(values[i]! - localMedian(values, i));
  const stride = Math.ceil(values.length / SAMPLES);
  const samples = Array.from({ length: Math.ceil(values.length / stride) }, (_, i) => distance(i * stride));
  const usual = samples.sort((a, b) => a - b)[Math.floor(0.9 * (samples.length - 1))]!;
  // A minimum distance, since otherwise any change of a nearly constant curve would be a spike.
  const most = SPIKE * Math.max(usual, 1e-9 * Math.abs(sorted[sorted.length >> 1]!));
  return values.filter((v, i) => (v >= min && v <= max) || distance(i) <= most);
}

/** Median of the values around an index; near the ends, of the last WINDOW values there. */
function localMedian(values: readonly number[], at: number): number {
  const from = Math.max(0, Math.min(at - (WINDOW >> 1), values.length - WINDOW));
  const near = values.slice(from, from + WINDOW).sort((a, b) => a - b);
  return near[near.length >> 1]!;
}

/** Removes a few of the largest, or of the smallest values, if they would take nearly the whole axis. */
function withoutTails(sorted: Float64Array): Limits {
  const few = Math.floor(TAIL * sorted.length);
  let [low, high] = [0, sorted.length - 1];
  const span = (from: number, to: number): number => sorted[to]! - sorted[from]!;
  if (span(low, high - few) < TINY * span(low, high)) high -= few;
  if (span(low + few, high) < TINY * span(low, high)) low += few;
  return { min: sorted[low]!, max: sorted[high]! };
}
