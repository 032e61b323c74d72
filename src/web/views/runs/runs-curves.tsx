import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { RunSummary } from '../../../serve/api.js';
import { get } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { useEvery, useLoad } from '../../app/use.js';
import type { ChartView } from '../../lib/curves/chart-view.js';
import { measuredMetric, metricTitle } from '../../lib/curves/metric.js';
import type { RunLook } from '../../lib/curves/run-looks.js';
import { spanOf } from '../../lib/smooth.js';
import { ChartControls } from '../../ui/chart/chart-controls.js';
import { type Charted, MetricChart } from '../compare/compare-charts.js';

/** Maximum number of curves in the chart. */
export const MOST_CURVES = 50;
/** Usual position of the smoothing slider. */
const SMOOTHING = 45;
/** Time between two requests while runs are training. */
const AGAIN_MS = 3000;

interface Props {
  readonly runs: readonly RunSummary[];
  /** Colours and dashes of the first runs. */
  readonly looks: readonly RunLook[];
  /** Of the two charts; undefined for what was measured on the test set. */
  readonly metrics: readonly [first: string, second: string | undefined];
  readonly onMetric: (position: 0 | 1, metric: string) => void;
  readonly view: ChartView;
  readonly onView: (change: Partial<ChartView>) => void;
}

/** Two metrics of all listed runs, live. */
export function RunsCurves({ runs, looks, metrics: [first, chosen], onMetric, view, onView }: Props) {
  const { t } = useApp();
  const shown = runs.slice(0, MOST_CURVES);
  const key = shown.map(({ id }) => encodeURIComponent(id)).join();
  const turn = useTurn(shown, `${key} ${first} ${chosen}`);
  const names = useLoad(
    shown.length > 0 ? `metrics ${key}` : undefined,
    (signal) =>
      get('GET /api/metrics', { query: { runs: shown.map(({ id }) => encodeURIComponent(id)) } }, signal),
    { keep: true },
  );
  const look = shown.map((run, i) => `${run.name} ${looks[i]?.color} ${looks[i]?.dash}`).join();
  const charted = useMemo<readonly Charted[]>(
    () => shown.map((run, i) => ({ id: run.id, name: run.name, ...looks[i]! })),
    [key, look],
  );
  const second = chosen ?? measuredMetric(names.value ?? []);
  const slider = view.smooth ?? SMOOTHING;
  const panels = [first, ...(second === undefined || (second === first && !chosen) ? [] : [second])];
  return (
    <section class="runs-curves" aria-label={t('chart.title')}>
      <ChartControls
        view={view}
        onChange={onView}
        slider={slider}
        onSlider={(smooth) => onView({ smooth })}
        span={spanOf(slider, Math.max(2, ...shown.map(({ step }) => step)))}
      >
        {runs.length > MOST_CURVES && (
          <span class="hint">{t('curves.first', { n: MOST_CURVES, all: runs.length })}</span>
        )}
      </ChartControls>
      <div class="main-charts">
        {panels.map((metric, i) => (
          // A place keeps its chart when its metric changes.
          <div class="picked-chart" key={i === 0 ? 'first' : 'second'}>
            <label class="choice">
              <span class="visually-hidden">{t(i === 0 ? 'curves.metric' : 'curves.second')}</span>
              <select
                value={metric}
                onChange={(event) => onMetric(i === 0 ? 0 : 1, event.currentTarget.value)}
              >
                {[...new Set([metric, ...(names.value ?? [])])].map((name) => (
                  <option key={name} value={name}>
                    {metricTitle(name, t)}
                  </option>
                ))}
              </select>
            </label>
            <MetricChart
              name={metric}
              runs={charted}
              groups={undefined}
              view={view}
              onChange={onView}
              spanOf={(steps) => spanOf(slider, steps)}
              turn={turn}
              height={220}
              brief
            />
          </div>
        ))}
      </div>
    </section>
  );
}

/** A number that increases when runs have made progress since their curves were asked for. */
function useTurn(runs: readonly RunSummary[], asked: string): number {
  const [turn, setTurn] = useState(0);
  const progress = runs.map(({ step, status }) => `${step}${status}`).join();
  const latest = useRef(progress);
  latest.current = progress;
  const drawn = useRef(progress);
  // What changed before these curves were asked for is in them.
  useEffect(() => {
    drawn.current = latest.current;
  }, [asked]);
  useEvery(
    AGAIN_MS,
    true,
    useCallback(() => {
      if (drawn.current === latest.current) return;
      drawn.current = latest.current;
      setTurn((n) => n + 1);
    }, []),
  );
  return turn;
}
