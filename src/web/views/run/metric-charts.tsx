import { useMemo } from 'preact/hooks';
import type { EpochEvent } from '../../../run/events.js';
import { useApp } from '../../app/context.js';
import { integer, significant } from '../../lib/format.js';
import { Chart } from '../../ui/chart/chart.js';
import type { Line } from '../../ui/chart/line.js';
import type { SharedAxis } from '../shared-axis.js';

/** One of the paper's own metrics after each epoch, in training and on the test set. */
interface Metric {
  readonly name: string;
  readonly lines: readonly Line[];
  readonly last: string;
}

/** One chart for each metric of a paper that is not a classifier. */
export function MetricCharts({ epochs, shared }: { epochs: readonly EpochEvent[]; shared: SharedAxis }) {
  const { t } = useApp();
  const metrics = useMemo(() => metricsOf(epochs, t('chart.train'), t('chart.test')), [epochs, t]);
  return (
    <>
      {metrics.map(({ name, lines, last }) => (
        <Chart
          key={name}
          {...shared}
          title={name}
          lines={lines}
          height={280}
          format={(value) => significant(value, 4)}
          summary={last}
        >
          <MetricTable epochs={epochs} name={name} />
        </Chart>
      ))}
    </>
  );
}

function MetricTable({ epochs, name }: { epochs: readonly EpochEvent[]; name: string }) {
  const { t, language } = useApp();
  const shown = (value: number | undefined) => (value === undefined ? '–' : significant(value, 5));
  return (
    <details class="numbers">
      <summary>{t('chart.table')}</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('chart.epoch')}</th>
            <th scope="col">{t('chart.steps')}</th>
            <th scope="col">{t('chart.train')}</th>
            <th scope="col">{t('chart.test')}</th>
          </tr>
        </thead>
        <tbody>
          {epochs.map((epoch) => (
            <tr key={epoch.step}>
              <th scope="row">{epoch.epoch}</th>
              <td>{integer(epoch.step, language)}</td>
              <td>{shown(epoch.trainMetrics?.[name])}</td>
              <td>{shown(epoch.testMetrics?.[name])}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function metricsOf(epochs: readonly EpochEvent[], train: string, test: string): Metric[] {
  const names = new Set(
    epochs.flatMap((epoch) => [
      ...Object.keys(epoch.trainMetrics ?? {}),
      ...Object.keys(epoch.testMetrics ?? {}),
    ]),
  );
  const points = epochs.length < 40;
  return [...names].map((name) => {
    const line = (label: string, color: string, key: 'trainMetrics' | 'testMetrics'): Line[] => {
      const measured = epochs.flatMap((epoch) => {
        const value = epoch[key]?.[name];
        return value === undefined ? [] : [{ step: epoch.step, value }];
      });
      if (measured.length === 0) return [];
      const step = measured.map((one) => one.step);
      return [{ label, color, step, value: measured.map((one) => one.value), points }];
    };
    const lines = [...line(test, '--line-1', 'testMetrics'), ...line(train, '--line-2', 'trainMetrics')];
    const last = lines.map(({ label, value }) => `${label}: ${significant(value.at(-1) ?? Number.NaN, 5)}`);
    return { name, lines, last: last.join(' · ') };
  });
}
