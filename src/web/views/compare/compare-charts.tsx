import { useEffect, useMemo, useState } from 'preact/hooks';
import { get } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { useSettled } from '../../app/use.js';
import { isClassified } from '../../lib/classified.js';
import { percent, significant } from '../../lib/format.js';
import { smoothCurve } from '../../lib/outliers.js';
import { type Points, pointsOf, splice } from '../../lib/points.js';
import type { Range } from '../../lib/range.js';
import { spanOf } from '../../lib/smooth.js';
import { Bars } from '../../ui/chart/bars.js';
import { Chart } from '../../ui/chart/chart.js';
import { ChartControls } from '../../ui/chart/chart-controls.js';
import type { Line } from '../../ui/chart/line.js';
import type { Compared } from './compared.js';

/** Loss and accuracy of several runs over the same steps. */
export function CompareCharts({ runs }: { runs: readonly Compared[] }) {
  const { t } = useApp();
  const [range, setRange] = useState<Range>();
  const [slider, setSlider] = useState(50);
  const [log, setLog] = useState(false);
  const [clip, setClip] = useState(true);
  const details = useDetails(runs, useSettled(range, 160));
  const end = Math.max(2, ...runs.map((run) => run.loss.step.at(-1) ?? 0));
  const bounds = useMemo(() => ({ from: 0, to: end }), [end]);
  const span = spanOf(slider, end);
  const loss = useMemo<Line[]>(
    () =>
      runs.map((run) => {
        const detail = details.get(run.id);
        const points = detail ? splice(run.loss, detail) : run.loss;
        return {
          label: run.detail.name,
          color: run.color,
          step: points.step,
          ...smoothCurve(points, { span, clip, log }),
          ...(points.gaps ? { gaps: points.gaps } : {}),
          ...(run.dash ? { dash: run.dash } : {}),
        };
      }),
    [runs, details, span, clip, log],
  );
  const accuracy = useMemo<Line[]>(
    () =>
      runs
        .map((run) => ({ run, epochs: run.detail.epochEvents.filter(isClassified) }))
        .filter(({ epochs }) => epochs.length > 0)
        .map(({ run, epochs }) => ({
          label: run.detail.name,
          color: run.color,
          step: epochs.map((epoch) => epoch.step),
          value: epochs.map((epoch) => epoch.testAccuracy),
          points: epochs.length < 40,
          ...(run.dash ? { dash: run.dash } : {}),
        })),
    [runs],
  );
  const shared = { bounds, range, onRange: setRange, sync: 'compare', clip };
  const measured = runs.filter((run) => run.detail.bestAccuracy !== undefined);
  const curves = runs.some((run) => run.detail.epochEvents.length > 1);
  return (
    <section class="charts" aria-label={t('chart.title')}>
      <ChartControls
        slider={slider}
        onSlider={setSlider}
        span={span}
        log={log}
        onLog={setLog}
        clip={clip}
        onClip={setClip}
      />
      <Chart
        {...shared}
        title={t('chart.loss')}
        lines={loss}
        height={340}
        log={log}
        format={(value) => significant(value, 3)}
        summary={runs
          .map((run) =>
            t('compare.lossOf', {
              name: run.detail.name,
              loss: significant(run.detail.lastLoss ?? Number.NaN, 3),
            }),
          )
          .join(t('semicolon'))}
      />
      {measured.length > 0 && !curves && (
        <figure class="chart">
          <figcaption class="chart-head">
            <h3>{t('chart.testAccuracy')}</h3>
          </figcaption>
          <Bars
            bars={measured.map((run) => ({
              label: run.detail.name,
              value: run.detail.bestAccuracy ?? 0,
              color: run.color,
            }))}
          />
        </figure>
      )}
      {curves && (
        <Chart
          {...shared}
          title={t('chart.testAccuracy')}
          lines={accuracy}
          height={220}
          vertical={[0, 100]}
          format={(value) => percent(value, Number.isInteger(value) ? 0 : 1)}
          summary={measured
            .map((run) =>
              t('compare.bestOf', {
                name: run.detail.name,
                accuracy: percent(run.detail.bestAccuracy ?? 0),
              }),
            )
            .join(t('semicolon'))}
        />
      )}
    </section>
  );
}

/** The visible range in detail, for each run. */
function useDetails(runs: readonly Compared[], range: Range | undefined): ReadonlyMap<string, Points> {
  const [details, setDetails] = useState<ReadonlyMap<string, Points>>(new Map());
  useEffect(() => {
    if (!range) return setDetails(new Map());
    const controller = new AbortController();
    const ask = async (id: string): Promise<readonly [string, Points]> => {
      const from = Math.max(0, Math.floor(range.from));
      const query = { keys: ['loss'], points: 1000, from, to: Math.ceil(range.to) } as const;
      const series = await get('GET /api/runs/:id/series', { params: { id }, query }, controller.signal);
      return [id, pointsOf(series, 'loss')];
    };
    // Without details the coarse curve stays visible.
    Promise.all(runs.map((run) => ask(run.id))).then(
      (all) => setDetails(new Map(all)),
      () => undefined,
    );
    return () => controller.abort();
  }, [runs, range]);
  return details;
}
