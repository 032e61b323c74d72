import { useEffect, useMemo, useState } from 'preact/hooks';
import type { SeriesKey } from '../../serve/api.js';
import type { EpochEvent } from '../../train/events.js';
import { useApp } from '../app/context.js';
import { recall, remember } from '../app/storage.js';
import { useWidth } from '../app/use.js';
import type { LiveRun } from '../app/use-run.js';
import { useSeries } from '../app/use-series.js';
import { curveFacts } from '../lib/describe.js';
import { integer, percent, significant } from '../lib/format.js';
import { NO_POINTS, type Points } from '../lib/points.js';
import type { Range } from '../lib/range.js';
import { smooth, spanOf } from '../lib/smooth.js';
import { Bars } from '../ui/bars.js';
import { Chart } from '../ui/chart.js';
import { ChartTable } from '../ui/chart-table.js';
import type { Line } from '../ui/plot.js';
import { Loading, Missing, Problem } from '../ui/problem.js';

const SMALL = ['imagesPerSecond', 'lr', 'stepSeconds', 'dataSeconds', 'rssMiB'] as const;

/** The curves of a run. All of them show the same steps: zooming one zooms them all. */
export function RunCharts({ id, run }: { id: string; run: LiveRun }) {
  const { t, language } = useApp();
  const [measure, width] = useWidth();
  const [range, setRange] = useState<Range>();
  const [slider, setSlider] = useState(() => Number(recall('smoothing') ?? 40));
  const [log, setLog] = useState(false);
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
        reset: (step) => {
          resetMain(step);
          resetSmall(step);
        },
      }),
    [listen, pushMain, resetMain, pushSmall, resetSmall],
  );

  const loss = main.points.loss ?? NO_POINTS;
  const lastStep = Math.max(loss.step.at(-1) ?? 0, run.detail?.step ?? 0, 2);
  // While a run goes on the axis grows in strides, or every step would redraw the scale.
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
    };
    if (!(span > 0)) return [raw];
    return [
      raw,
      {
        label: t('chart.smoothed'),
        color: '--line-1',
        step: loss.step,
        value: smooth(loss.step, loss.mean, span),
      },
    ];
  }, [loss, span, t]);
  const shared = { bounds, range, onRange: setRange, sync: `run-${id}` };
  const shown = range ?? bounds;
  const facts = curveFacts(loss, shown.from, shown.to);

  return (
    <section class="charts" aria-label={t('chart.title')} ref={measure}>
      {loss.step.length > 0 && (
        <div class="chart-controls">
          <label class="slider">
            <span>
              {t('chart.smoothing')}{' '}
              <output>
                {span > 0 ? t('chart.over', { n: integer(Math.max(1, span), language) }) : t('chart.off')}
              </output>
            </span>
            <input
              type="range"
              min="0"
              max="100"
              step="5"
              value={slider}
              onInput={(event) => {
                setSlider(Number(event.currentTarget.value));
                remember('smoothing', event.currentTarget.value);
              }}
            />
          </label>
          <label class="check">
            <input type="checkbox" checked={log} onChange={(event) => setLog(event.currentTarget.checked)} />
            {t('chart.log')}
          </label>
          <p class="hint chart-hint">{t('chart.how')}</p>
        </div>
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
          <Accuracy run={run} shared={shared} />
          <div class="small-charts">
            <SmallCharts points={small.points} shared={shared} />
          </div>
        </>
      )}
    </section>
  );
}

interface Shared {
  readonly bounds: Range;
  readonly range: Range | undefined;
  readonly onRange: (range: Range | undefined) => void;
  readonly sync: string;
}

function Accuracy({ run, shared }: { run: LiveRun; shared: Shared }) {
  const { t, language } = useApp();
  const { epochs } = run;
  const lines = useMemo<Line[]>(() => {
    const step = epochs.map((epoch) => epoch.step);
    const points = epochs.length < 40;
    return [
      {
        label: t('chart.test'),
        color: '--line-1',
        step,
        value: epochs.map((epoch) => epoch.testAccuracy),
        points,
      },
      {
        label: t('chart.train'),
        color: '--line-2',
        step,
        value: epochs.map((epoch) => epoch.trainAccuracy),
        points,
        dash: [5, 4],
      },
    ];
  }, [epochs, t]);
  const last = epochs.at(-1);
  if (!last)
    return (
      <figure class="chart">
        <figcaption class="chart-head">
          <h3>{t('chart.accuracy')}</h3>
        </figcaption>
        <Missing>{t('chart.noAccuracy')}</Missing>
      </figure>
    );
  if (epochs.length === 1) return <AccuracyOnce epoch={last} />;
  return (
    <Chart
      {...shared}
      title={t('chart.accuracy')}
      lines={lines}
      height={220}
      vertical={[0, 100]}
      format={(value) => percent(value, Number.isInteger(value) ? 0 : 1)}
      summary={t('chart.accuracyFacts', {
        epoch: last.epoch,
        test: percent(last.testAccuracy),
        train: percent(last.trainAccuracy),
        images: integer(last.testImages, language),
        top5: percent(last.testTop5),
      })}
    >
      <details class="numbers">
        <summary>{t('chart.table')}</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">{t('chart.epoch')}</th>
              <th scope="col">{t('chart.steps')}</th>
              <th scope="col">{t('chart.test')}</th>
              <th scope="col">{t('chart.top5')}</th>
              <th scope="col">{t('chart.train')}</th>
            </tr>
          </thead>
          <tbody>
            {epochs.map((epoch) => (
              <tr key={epoch.step}>
                <th scope="row">{epoch.epoch}</th>
                <td>{integer(epoch.step, language)}</td>
                <td>{percent(epoch.testAccuracy)}</td>
                <td>{percent(epoch.testTop5)}</td>
                <td>{percent(epoch.trainAccuracy)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </Chart>
  );
}

/** One measurement is no curve. */
function AccuracyOnce({ epoch }: { epoch: EpochEvent }) {
  const { t, language } = useApp();
  return (
    <figure class="chart">
      <figcaption class="chart-head">
        <h3>{t('chart.accuracy')}</h3>
      </figcaption>
      <Bars
        bars={[
          { label: t('chart.test'), value: epoch.testAccuracy },
          { label: t('chart.top5'), value: epoch.testTop5 },
          { label: t('chart.train'), value: epoch.trainAccuracy, color: '--line-2' },
        ]}
      />
      <p class="hint">
        {t('chart.measured', {
          n: integer(epoch.step, language),
          images: integer(epoch.testImages, language),
        })}
      </p>
    </figure>
  );
}

function SmallCharts({
  points,
  shared,
}: {
  points: Readonly<Partial<Record<SeriesKey, Points>>>;
  shared: Shared;
}) {
  const { t } = useApp();
  const charts = useMemo(() => {
    const line = (key: SeriesKey, color = '--line-1', scale = 1, dash?: readonly number[]): Line => {
      const { step, mean } = points[key] ?? NO_POINTS;
      return {
        label: t(`series.${key}`),
        color,
        step,
        value: scale === 1 ? mean : mean.map((value) => value * scale),
        ...(dash ? { dash } : {}),
      };
    };
    return [
      { key: 'imagesPerSecond', lines: [line('imagesPerSecond')] },
      {
        key: 'stepSeconds',
        lines: [line('stepSeconds', '--line-1', 1000), line('dataSeconds', '--line-2', 1000, [5, 4])],
      },
      { key: 'lr', lines: [line('lr')] },
      { key: 'rssMiB', lines: [line('rssMiB')] },
    ] as const;
  }, [points, t]);
  return (
    <>
      {charts.map(({ key, lines }) => {
        const all = points[key];
        if (!all || all.step.length === 0 || !all.mean.some(Number.isFinite))
          return (
            <figure key={key} class="chart chart-small">
              <figcaption class="chart-head">
                <h3>{t(`small.${key}`)}</h3>
              </figcaption>
              <Missing>{t('small.missing')}</Missing>
            </figure>
          );
        const facts = curveFacts(all, shared.range?.from, shared.range?.to);
        const scale = key === 'stepSeconds' ? 1000 : 1;
        const digits = key === 'rssMiB' ? 4 : 3;
        return (
          <Chart
            key={key}
            {...shared}
            title={t(`small.${key}`)}
            lines={lines}
            height={150}
            zero
            format={(value) => significant(value, digits)}
            quiet
            summary={
              facts
                ? t('small.facts', {
                    last: significant(facts.last * scale, digits),
                    low: significant(facts.lowest * scale, digits),
                    high: significant(facts.highest * scale, digits),
                  })
                : t('chart.nothingHere')
            }
          />
        );
      })}
    </>
  );
}
