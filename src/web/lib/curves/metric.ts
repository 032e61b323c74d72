import type { Translate } from '../../i18n.js';
import { percent, significant } from '../format.js';

/** Names of metrics that have a title in the page's language. */
const TITLES = {
  loss: 'chart.loss',
  lr: 'small.lr',
  // Also of runs whose samples are no images.
  imagesPerSecond: 'small.samplesPerSecond',
  stepSeconds: 'metric.stepSeconds',
  dataSeconds: 'metric.dataSeconds',
  rssMiB: 'small.rssMiB',
  'epoch/trainLoss': 'metric.trainLoss',
  'epoch/trainAccuracy': 'metric.trainAccuracy',
  'epoch/testLoss': 'metric.testLoss',
  'epoch/testAccuracy': 'chart.testAccuracy',
  'epoch/testTop5': 'metric.testTop5',
} as const;

export const metricTitle = (name: string, t: Translate): string =>
  Object.hasOwn(TITLES, name) ? t(TITLES[name as keyof typeof TITLES]) : name;

/** Whether a metric is measured in percent. */
export const isPercent = (name: string): boolean => /^epoch\/(train|test)(Accuracy|Top5)$/.test(name);

/** Ends of an axis of percentages: from 0, unless all values are high. */
export function percentAxis(
  values: readonly (readonly (number | null | undefined)[])[],
): readonly [number, number] {
  let low = 100;
  for (const line of values)
    for (const value of line) if (typeof value === 'number' && value < low) low = value;
  return [low >= 60 ? 10 * Math.floor((low - 1) / 10) : 0, 100];
}

export const metricText = (name: string): ((value: number) => string) =>
  isPercent(name)
    ? (value) => percent(value, Number.isInteger(value) ? 0 : 1)
    : (value) => significant(value, 4);

/** Among a run's metrics, the one that was measured on the test set. */
export const measuredMetric = (names: readonly string[]): string | undefined =>
  names.find((name) => name === 'epoch/testAccuracy') ?? names.find((name) => name.startsWith('test/'));
