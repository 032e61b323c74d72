import { useMemo } from 'preact/hooks';
import type { SeriesKey } from '../../../serve/api.js';
import { useApp } from '../../app/context.js';
import { curveFacts } from '../../lib/describe.js';
import { significant } from '../../lib/format.js';
import { NO_POINTS, type Points } from '../../lib/points.js';
import { Chart } from '../../ui/chart/chart.js';
import type { Line } from '../../ui/chart/line.js';
import { Missing } from '../../ui/problem.js';
import type { SharedAxis } from '../shared-axis.js';

/** Small charts of rate, step time, learning rate and memory, over the same steps as the loss. */
export function SmallCharts({
  points,
  shared,
  samples,
}: {
  points: Readonly<Partial<Record<SeriesKey, Points>>>;
  shared: SharedAxis;
  /** Whether the rate is that of samples, rather than images. */
  samples: boolean;
}) {
  const { t } = useApp();
  const charts = useMemo(() => {
    const line = (key: SeriesKey, color = '--line-1', scale = 1, dash?: readonly number[]): Line => {
      const { step, mean } = points[key] ?? NO_POINTS;
      return {
        label: t(key === 'imagesPerSecond' && samples ? 'small.samplesPerSecond' : `series.${key}`),
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
  }, [points, samples, t]);
  const title = (key: (typeof charts)[number]['key']): string =>
    t(key === 'imagesPerSecond' && samples ? 'small.samplesPerSecond' : `small.${key}`);
  return (
    <>
      {charts.map(({ key, lines }) => {
        const all = points[key];
        if (!all || all.step.length === 0 || !all.mean.some(Number.isFinite))
          return (
            <figure key={key} class="chart chart-small">
              <figcaption class="chart-head">
                <h3>{title(key)}</h3>
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
            title={title(key)}
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
