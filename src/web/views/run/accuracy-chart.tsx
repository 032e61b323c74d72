import { useMemo } from 'preact/hooks';
import type { ClassifiedEpoch, EpochEvent } from '../../../run/events.js';
import { useApp } from '../../app/context.js';
import { percentAxis } from '../../lib/curves/metric.js';
import { integer, percent } from '../../lib/format.js';
import { Bars } from '../../ui/chart/bars.js';
import { Chart } from '../../ui/chart/chart.js';
import type { Line } from '../../ui/chart/line.js';
import { Missing } from '../../ui/problem.js';
import type { SharedAxis } from '../shared-axis.js';

/** With five classes or fewer, top-5 accuracy is always 100 %. */
const MEANINGFUL_FROM = 6;

const top5Of = ({ testTop5 }: EpochEvent): string => (testTop5 === undefined ? '–' : percent(testTop5));

/** Formats the number of evaluated images: "1,000 of 10,000" for a sample. */
function useImages(): (epoch: EpochEvent) => string {
  const { t, language } = useApp();
  return ({ testImages, testTotal }) => {
    const images = integer(testImages, language);
    if (testTotal === undefined) return images;
    return t('chart.sampleOf', { images, total: integer(testTotal, language) });
  };
}

/** Accuracy after each epoch, beside the loss over the same steps. */
export function AccuracyChart({
  epochs,
  shared,
  classes,
}: {
  epochs: readonly ClassifiedEpoch[];
  shared: SharedAxis;
  classes: number;
}) {
  const { t, language } = useApp();
  const imagesOf = useImages();
  const hasTop5 = classes >= MEANINGFUL_FROM;
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
  if (epochs.length === 1) return <AccuracyOnce epoch={last} hasTop5={hasTop5} />;
  return (
    <Chart
      {...shared}
      title={t('chart.accuracy')}
      lines={lines}
      height={280}
      vertical={percentAxis(lines.map(({ value }) => value))}
      format={(value) => percent(value, Number.isInteger(value) ? 0 : 1)}
      summary={t(hasTop5 ? 'chart.accuracyFacts' : 'chart.accuracyFew', {
        epoch: last.epoch,
        test: percent(last.testAccuracy),
        train: percent(last.trainAccuracy),
        images: imagesOf(last),
        top5: top5Of(last),
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
              {hasTop5 && <th scope="col">{t('chart.top5')}</th>}
              <th scope="col">{t('chart.train')}</th>
            </tr>
          </thead>
          <tbody>
            {epochs.map((epoch) => (
              <tr key={epoch.step}>
                <th scope="row">{epoch.epoch}</th>
                <td>{integer(epoch.step, language)}</td>
                <td>{percent(epoch.testAccuracy)}</td>
                {hasTop5 && <td>{top5Of(epoch)}</td>}
                <td>{percent(epoch.trainAccuracy)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </Chart>
  );
}

/** A single evaluation, as bars. */
function AccuracyOnce({ epoch, hasTop5 }: { epoch: ClassifiedEpoch; hasTop5: boolean }) {
  const { t, language } = useApp();
  const imagesOf = useImages();
  return (
    <figure class="chart">
      <figcaption class="chart-head">
        <h3>{t('chart.accuracy')}</h3>
      </figcaption>
      <Bars
        bars={[
          { label: t('chart.test'), value: epoch.testAccuracy },
          ...(hasTop5 && epoch.testTop5 !== undefined
            ? [{ label: t('chart.top5'), value: epoch.testTop5 }]
            : []),
          { label: t('chart.train'), value: epoch.trainAccuracy, color: '--line-2' },
        ]}
      />
      <p class="hint">
        {t('chart.measured', {
          n: integer(epoch.step, language),
          images: imagesOf(epoch),
        })}
      </p>
    </figure>
  );
}
