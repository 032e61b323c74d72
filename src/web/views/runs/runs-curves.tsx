import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { RunSummary } from '../../../serve/api.js';
import { get } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { useEvery, useLoad } from '../../app/use.js';
import { useCurves } from '../../app/use-curves.js';
import { STEPS, stepsIn } from '../../lib/curves/axis.js';
import { isPercent, metricText, metricTitle } from '../../lib/curves/metric.js';
import { smoothCurve } from '../../lib/outliers.js';
import type { Range } from '../../lib/range.js';
import { runHref } from '../../lib/route.js';
import { spanOf } from '../../lib/smooth.js';
import { Chart } from '../../ui/chart/chart.js';
import type { Line } from '../../ui/chart/line.js';
import { Loading, Missing, Problem } from '../../ui/problem.js';

/** Maximum number of curves in the chart. */
export const MOST_CURVES = 50;
const COLOURS = 8;
/** Smoothing, as a position of the slider. */
const SMOOTHING = 45;
/** Time between two requests while runs are training. */
const AGAIN_MS = 3000;

/** Colour of a run by its choice, or by its position in the list. */
export const colourOf = (run: RunSummary, position: number): string =>
  `--run-${run.color ?? (position % COLOURS) + 1}`;

/** One metric of all listed runs, live. */
export function RunsCurves({
  runs,
  metric,
  onMetric,
}: {
  runs: readonly RunSummary[];
  metric: string;
  onMetric: (metric: string) => void;
}) {
  const { t } = useApp();
  const shown = runs.slice(0, MOST_CURVES);
  const key = shown.map(({ id }) => encodeURIComponent(id)).join();
  const ids = useMemo(() => shown.map(({ id }) => id), [key]);
  const [range, setRange] = useState<Range>();
  const [turn, setTurn] = useState(0);
  const progress = shown.map(({ step, status }) => `${step}${status}`).join();
  const drawn = useRef(progress);
  const look = useCallback(() => {
    if (drawn.current === latest.current) return;
    drawn.current = latest.current;
    setTurn((n) => n + 1);
  }, []);
  const latest = useRef(progress);
  latest.current = progress;
  // What changed before these curves were asked for is in them.
  useEffect(() => {
    drawn.current = latest.current;
  }, [key, metric]);
  useEvery(AGAIN_MS, true, look);
  const names = useLoad(
    ids.length > 0 ? `metrics ${key}` : undefined,
    (signal) => get('GET /api/metrics', { query: { runs: ids.map(encodeURIComponent) } }, signal),
    { keep: true },
  );
  const { curves, failure, loading } = useCurves(ids, metric, {
    range: range && stepsIn(range, STEPS),
    clock: false,
    turn,
    points: ids.length > 12 ? 150 : 400,
  });
  const end = Math.max(2, ...curves.map(({ points }) => points.step.at(-1) ?? 0));
  const bounds = useMemo(() => ({ from: 0, to: end }), [end]);
  const looks = shown.map((run, i) => `${run.name} ${colourOf(run, i)}`).join();
  const lines = useMemo<Line[]>(() => {
    const found = new Map(curves.map((curve) => [curve.id, curve.points]));
    const span = /\//.test(metric) ? 0 : spanOf(SMOOTHING, end);
    return shown.flatMap((run, i): Line[] => {
      const points = found.get(run.id);
      if (!points || points.step.length === 0) return [];
      const smooth =
        span > 0 ? smoothCurve(points, { span, clip: true, log: false }) : { value: points.mean };
      return [
        {
          label: run.name,
          color: colourOf(run, i),
          step: points.step,
          ...smooth,
          ...(points.gaps ? { gaps: points.gaps } : {}),
          points: points.step.length < 12,
          href: runHref(run.id),
        },
      ];
    });
  }, [curves, looks, metric, end]);
  const format = useMemo(() => metricText(metric), [metric]);
  const choices = [...new Set([metric, ...(names.value ?? [])])];
  return (
    <section class="runs-curves" aria-label={t('chart.title')}>
      <label class="choice">
        <span class="visually-hidden">{t('curves.metric')}</span>
        <select value={metric} onChange={(event) => onMetric(event.currentTarget.value)}>
          {choices.map((name) => (
            <option key={name} value={name}>
              {metricTitle(name, t)}
            </option>
          ))}
        </select>
      </label>
      {runs.length > MOST_CURVES && (
        <span class="hint">{t('curves.first', { n: MOST_CURVES, all: runs.length })}</span>
      )}
      {failure && <Problem failure={failure} />}
      {lines.length === 0 && !failure && (loading ? <Loading /> : <Missing>{t('compare.noMetric')}</Missing>)}
      {lines.length > 0 && (
        <Chart
          title={metricTitle(metric, t)}
          lines={lines}
          legend={false}
          bounds={bounds}
          range={range}
          onRange={setRange}
          clip
          height={220}
          {...(isPercent(metric) ? { vertical: [0, 100] as const } : {})}
          format={format}
          summary={t('curves.summary', { n: lines.length })}
        />
      )}
    </section>
  );
}
