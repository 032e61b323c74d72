import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Series, SeriesKey } from '../../serve/api.js';
import {
  append,
  keepAfter,
  keepUntil,
  livePoints,
  NO_POINTS,
  type Points,
  pointsOf,
  splice,
} from '../lib/points.js';
import type { Range } from '../lib/range.js';
import { type ApiFailure, get } from './api.js';
import { failureOf, useLoad, useSettled } from './use.js';

/** Milliseconds without a gesture before the range is requested in detail. */
const SETTLE_MS = 140;
/** Retry interval while the server is still reading a long run. */
const SAMPLED_MS = 1000;
/** Beyond this number, live points are requested again as buckets. */
const MOST_LIVE = 1500;

export type AllPoints = Readonly<Partial<Record<SeriesKey, Points>>>;

export interface RunSeries {
  readonly points: AllPoints;
  readonly failure: ApiFailure | undefined;
  readonly loading: boolean;
  /** The server is still reading the metrics, so the curve is drawn from samples. */
  readonly sampled: boolean;
  /** Adds steps received by the event stream. */
  readonly push: (step: number, values: Readonly<Partial<Record<SeriesKey, number>>>) => void;
  /** The run was resumed from `step`. */
  readonly reset: (step: number) => void;
}

const ask = (
  id: string,
  keys: readonly SeriesKey[],
  points: number,
  range: Range | undefined,
  signal: AbortSignal,
): Promise<Series> => {
  const within = range && { from: Math.max(0, Math.floor(range.from)), to: Math.ceil(range.to) };
  return get('GET /api/runs/:id/series', { params: { id }, query: { keys, points, ...within } }, signal);
};

/**
 * A run's curves: a coarse overview of the whole run, the visible range in detail once the gesture has ended, and live
 * points from the event stream. All available data is drawn immediately.
 *
 * @param range undefined for the whole run
 * @param pixels width of the chart
 */
export function useSeries(
  id: string,
  keys: readonly SeriesKey[],
  range: Range | undefined,
  pixels: number,
): RunSeries {
  const buckets = Math.max(200, Math.min(2000, Math.ceil(pixels / 100) * 100));
  const list = keys.join(',');
  const [live, setLive] = useState<AllPoints>({});
  const [cut, setCut] = useState<number>();
  const waiting = useRef<Map<SeriesKey, { step: number[]; value: number[] }>>(new Map());
  const overview = useLoad(pixels > 0 ? `${id} ${list} ${buckets}` : undefined, (signal) =>
    ask(id, keys, buckets, undefined, signal),
  );
  const sampled = overview.value?.sampled === true;
  const { reload, value: whole } = overview;
  useEffect(() => {
    if (!sampled) return;
    const timer = setTimeout(reload, SAMPLED_MS);
    return () => clearTimeout(timer);
  }, [sampled, whole, reload]);
  const settled = useSettled(range, SETTLE_MS);
  const [detail, setDetail] = useState<Series>();
  const [failure, setFailure] = useState<ApiFailure>();

  useEffect(() => {
    if (!settled || pixels <= 0) return setDetail(undefined);
    const controller = new AbortController();
    // Slightly more than the window, so that small pans need no request.
    const margin = (settled.to - settled.from) * 0.25;
    const wide = { from: settled.from - margin, to: settled.to + margin };
    ask(id, keys, Math.ceil(buckets * 1.5), wide, controller.signal).then(setDetail, (error) => {
      if (!controller.signal.aborted) setFailure(failureOf(error));
    });
    return () => controller.abort();
  }, [id, list, settled, buckets]);

  // Steps arrive many times per second; the charts are redrawn four times.
  useEffect(() => {
    const timer = setInterval(() => {
      if (waiting.current.size === 0) return;
      const fresh = waiting.current;
      waiting.current = new Map();
      setLive((before) => {
        const after = { ...before };
        for (const [key, { step, value }] of fresh)
          after[key] = append(after[key] ?? NO_POINTS, livePoints(step, value));
        return after;
      });
    }, 250);
    return () => clearInterval(timer);
  }, []);

  const liveLength = live[keys[0]!]?.step.length ?? 0;
  useEffect(() => {
    if (liveLength > MOST_LIVE) reload();
  }, [liveLength, reload]);
  useEffect(() => {
    // Points that the server now returns are no longer needed as live points.
    const last = whole?.step.at(-1);
    if (last === undefined) return;
    setCut(undefined);
    setLive((before) =>
      Object.fromEntries(
        Object.entries(before).map(([key, points]) => [key, keepAfter(points as Points, last)]),
      ),
    );
  }, [whole]);

  const push = useCallback((step: number, values: Readonly<Partial<Record<SeriesKey, number>>>) => {
    for (const [key, value] of Object.entries(values) as [SeriesKey, number][]) {
      const list = waiting.current.get(key) ?? { step: [], value: [] };
      list.step.push(step);
      list.value.push(value);
      waiting.current.set(key, list);
    }
  }, []);
  const reset = useCallback(
    (step: number) => {
      waiting.current = new Map();
      setLive({});
      setDetail(undefined);
      setCut(step);
      reload();
    },
    [reload],
  );

  const points = useMemo(() => {
    const all: Partial<Record<SeriesKey, Points>> = {};
    for (const key of keys) {
      if (!whole) continue;
      let each = pointsOf(whole, key);
      if (detail) each = splice(each, pointsOf(detail, key));
      if (cut !== undefined) each = keepUntil(each, cut);
      all[key] = append(each, live[key] ?? NO_POINTS);
    }
    return all;
  }, [list, whole, detail, live, cut]);
  return { points, failure: overview.failure ?? failure, loading: overview.loading, sampled, push, reset };
}
