import type { EpochEvent } from '../run/events.js';

/** Metrics of a run at the end of an epoch, without accuracies, by name: `train loss`, `test bound`. */
export function metricsOf({
  trainLoss,
  testLoss,
  trainMetrics = {},
  testMetrics = {},
}: Pick<EpochEvent, 'trainLoss' | 'testLoss' | 'trainMetrics' | 'testMetrics'>): [
  name: string,
  value: number,
][] {
  const named = (prefix: string, metrics: Readonly<Record<string, number>>) =>
    Object.entries(metrics).map(([name, value]) => [`${prefix} ${name}`, value] as [string, number]);
  return [
    ['train loss', trainLoss],
    ...named('train', trainMetrics),
    ...(testLoss === undefined || 'loss' in testMetrics ? [] : [['test loss', testLoss] as [string, number]]),
    ...named('test', testMetrics),
  ];
}

/** The same in a line: "train loss 0.693 · test bound -98.21". */
export const describeMetrics = (event: Parameters<typeof metricsOf>[0]): string =>
  metricsOf(event)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(5))}`)
    .join(' · ');
