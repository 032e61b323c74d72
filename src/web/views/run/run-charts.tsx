import { useEffect, useMemo, useState } from 'preact/hooks';
import { useApp } from '../../app/context.js';
import { recall, remember } from '../../app/storage.js';
import { useWidth } from '../../app/use.js';
import type { LiveRun } from '../../app/use-run.js';
import { useSeries } from '../../app/use-series.js';
import { isClassified } from '../../lib/classified.js';
import { classCount, curveFacts } from '../../lib/describe.js';
import { integer, significant } from '../../lib/format.js';
import { smoothCurve } from '../../lib/outliers.js';
import { NO_POINTS } from '../../lib/points.js';
import type { Range } from '../../lib/range.js';
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

const SMALL = ['imagesPerSecond', 'lr', 'stepSeconds', 'dataSeconds', 'rssMiB'] as const;

/** The curves of a run. All show the same range of steps: zooming one zooms all. */
export function RunCharts({ id, run }: { id: string; run: LiveRun }) {
  const { t, language } = useApp();
  const [measure, width] = useWidth();
  const [range, setRange] = useState<Range>();
  const [slider, setSlider] = useState(() => sliderFrom(recall('smoothing')));
  const [log, setLog] = useState(false);
  const [clip, setClip] = useState(true);
  const pixels = Math.round(width * Math.min(devicePixelRatio, 1.5));
  const main = useSeries(id, ['loss'], range, pixels);
  const small = useSeries(id, SMALL, range, Math.ceil(pixels / 4));

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
  const bounds = useMemo(() => ({ from: 0, to: end }), [end]);
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
  const shared: SharedAxis = { bounds, range, onRange: setRange, sync: `run-${id}`, clip };
  const epochs = useMemo(() => run.epochs.filter(isClassified), [run.epochs]);
  const classified = run.epochs.length === 0 ? classCount(run.detail?.config) > 1 : epochs.length > 0;
  const shown = range ?? bounds;
  const facts = curveFacts(loss, shown.from, shown.to);

  return (
    <section class="charts" aria-label={t('chart.title')} ref={measure}>
      {loss.step.length > 0 && (
        <ChartControls
          slider={slider}
          onSlider={(value) => {
            setSlider(value);
            remember('smoothing', String(value));
          }}
          span={span}
          log={log}
          onLog={setLog}
          clip={clip}
          onClip={setClip}
        />
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
          <Chart
            {...shared}
            title={t('chart.loss')}
            lines={lines}
            height={width < 560 ? 240 : 320}
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
          <div class="small-charts">
            <SmallCharts points={small.points} shared={shared} />
          </div>
        </>
      )}
    </section>
  );
}

/** The stored value may come from another version. */
function sliderFrom(kept: string | undefined): number {
  const value = Number(kept ?? 40);
  return value >= 0 && value <= 100 ? value : 40;
}
