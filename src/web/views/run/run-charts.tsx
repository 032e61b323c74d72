import { useEffect, useMemo } from 'preact/hooks';
import { get } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { useLoad, useWidth } from '../../app/use.js';
import type { LiveRun } from '../../app/use-run.js';
import { useSeries } from '../../app/use-series.js';
import { isClassified, isOfSamples } from '../../lib/classifier-epoch.js';
import { axisOf, stepsIn } from '../../lib/curves/axis.js';
import { classCount, curveFacts } from '../../lib/describe.js';
import { integer, significant } from '../../lib/format.js';
import { smoothCurve } from '../../lib/outliers.js';
import { NO_POINTS } from '../../lib/points.js';
import { spanOf } from '../../lib/smooth.js';
import { Chart } from '../../ui/chart/chart.js';
import { ChartControls } from '../../ui/chart/chart-controls.js';
import { ChartTable } from '../../ui/chart/chart-table.js';
import type { Line } from '../../ui/chart/line.js';
import { Loading, Missing, Problem } from '../../ui/problem.js';
import type { SharedAxis } from '../shared-axis.js';
import { AccuracyChart } from './accuracy-chart.js';
import { MetricCharts } from './metric-charts.js';
import { SmallCharts } from './small-charts.js';
import { useRunView } from './use-run-view.js';

const SMALL = ['imagesPerSecond', 'lr', 'stepSeconds', 'dataSeconds', 'rssMiB'] as const;

/** The curves of a run. All show the same range of steps: zooming one zooms all. */
export function RunCharts({
  id,
  run,
  query,
}: {
  id: string;
  run: LiveRun;
  query: Readonly<Record<string, string>>;
}) {
  const { t, language } = useApp();
  const [measure, width] = useWidth();
  const { view, change, slider, onSlider } = useRunView(id, query);
  const { range, log, clip } = view;
  const clock = useLoad(
    view.axis === 'step' ? undefined : `clock ${id} ${run.epochs.length}`,
    (signal) => get('GET /api/runs/:id/clock', { params: { id } }, signal),
    { keep: true },
  ).value;
  const axis = useMemo(() => axisOf(view.axis, clock), [view.axis, clock]);
  // Until the clock is there, a range of times cannot be converted.
  const stepRange = useMemo(
    () => (range && axis.kind === view.axis ? stepsIn(range, axis) : undefined),
    [range, axis, view.axis],
  );
  const pixels = Math.round(width * Math.min(devicePixelRatio, 1.5));
  const main = useSeries(id, ['loss'], stepRange, pixels);
  const small = useSeries(id, SMALL, stepRange, Math.ceil(pixels / 4));

  const { listen } = run;
  const { push: pushMain, reset: resetMain } = main;
  const { push: pushSmall, reset: resetSmall } = small;
  useEffect(
    () =>
      listen({
        step: (event) => {
          pushMain(event.step, { loss: event.loss });
          pushSmall(event.step, event);
        },
        gap: (step) => pushMain(step, { loss: Number.NaN }),
        reset: (step) => {
          resetMain(step);
          resetSmall(step);
        },
      }),
    [listen, pushMain, resetMain, pushSmall, resetSmall],
  );

  const loss = main.points.loss ?? NO_POINTS;
  const lastStep = Math.max(loss.step.at(-1) ?? 0, run.detail?.step ?? 0, 2);
  // During training the axis grows in increments, otherwise every step would redraw the scale.
  const end = run.following ? Math.ceil(lastStep / 10) * 10 : lastStep;
  const bounds = useMemo(() => ({ from: axis.toX(0), to: axis.toX(end) }), [axis, end]);
  const span = spanOf(slider, lastStep);
  const lines = useMemo<Line[]>(() => {
    const raw: Line = {
      label: t('chart.raw'),
      color: span > 0 ? '--line-faint' : '--line-1',
      step: loss.step,
      value: loss.mean,
      band: { min: loss.min, max: loss.max },
      markColor: '--line-2',
      ...(loss.gaps ? { gaps: loss.gaps } : {}),
    };
    if (!(span > 0)) return [raw];
    return [
      raw,
      {
        label: t('chart.smoothed'),
        color: '--line-1',
        step: loss.step,
        value: smoothCurve(loss, { span, clip, log }).value,
      },
    ];
  }, [loss, span, clip, log, t]);
  const shared: SharedAxis = {
    axis,
    bounds,
    range: axis.kind === view.axis ? range : undefined,
    onRange: (next) => change({ range: next }),
    sync: `run-${id}`,
    clip,
  };
  const epochs = useMemo(() => run.epochs.filter(isClassified), [run.epochs]);
  const classified = run.epochs.length === 0 ? classCount(run.detail?.config) > 1 : epochs.length > 0;
  const shown = stepRange ?? { from: 0, to: end };
  const facts = curveFacts(loss, shown.from, shown.to);

  return (
    <section class="charts" aria-label={t('chart.title')} ref={measure}>
      {loss.step.length > 0 && (
        <ChartControls view={view} onChange={change} slider={slider} onSlider={onSlider} span={span} />
      )}
      {main.failure && <Problem failure={main.failure} />}
      {main.sampled && (
        <p class="hint" role="status">
          {t('chart.sampled')}
        </p>
      )}
      {main.loading && loss.step.length === 0 && <Loading />}
      {!main.loading && !main.failure && loss.step.length === 0 && (
        <Missing>{t(run.following ? 'chart.nothing' : 'chart.none')}</Missing>
      )}
      {loss.step.length > 0 && (
        <>
          <div class="main-charts">
            <Chart
              {...shared}
              title={t('chart.loss')}
              lines={lines}
              height={width < 560 ? 240 : 280}
              format={(value) => significant(value, 3)}
              log={log}
              summary={
                facts
                  ? t('chart.facts', {
                      from: integer(facts.from, language),
                      to: integer(facts.to, language),
                      first: significant(facts.first, 3),
                      last: significant(facts.last, 3),
                      low: significant(facts.lowest, 3),
                      lowAt: integer(facts.lowestAt, language),
                    })
                  : t('chart.nothingHere')
              }
            >
              <ChartTable
                points={loss}
                range={shown}
                name={t('chart.loss')}
                format={(value) => significant(value, 4)}
              />
            </Chart>
            {classified && (
              <AccuracyChart epochs={epochs} shared={shared} classes={classCount(run.detail?.config)} />
            )}
            {(!classified || epochs.some(({ testMetrics }) => testMetrics)) && (
              <MetricCharts epochs={run.epochs} shared={shared} />
            )}
          </div>
          <div class="small-charts">
            <SmallCharts points={small.points} shared={shared} samples={isOfSamples(run.detail!)} />
          </div>
        </>
      )}
    </section>
  );
}
