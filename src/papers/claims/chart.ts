import type { Text } from './claim.js';
import { resultsOf } from './claim.js';
import type { Variant } from './job.js';
import type { EpochResult, Result, Results } from './result.js';

/** A chart of errors over epochs, drawn from a paper's results. */
export interface Chart {
  /** File name: small letters, digits and hyphens. */
  readonly name: string;
  readonly title: Text;
  readonly yLabel: Text;
  /** A horizontal line at a target level, in percent. */
  readonly mark?: number;
  /** Series without results are not drawn. */
  readonly series: readonly ChartSeries[];
}

/** The trainings of one variant, drawn in one colour. */
export interface ChartSeries {
  readonly label: string;
  readonly results: readonly Result[];
  /** Percent. */
  readonly measure: (epoch: EpochResult) => number;
}

export const TRAINING_ERROR: Text = { en: 'training error', zh: '训练误差' };
export const TEST_ERROR: Text = { en: 'test error', zh: '测试误差' };

/** Results of one variant with each seed, as a series. */
export const seriesOf = (
  results: Results,
  label: string,
  variant: Variant,
  seeds: readonly number[],
  measure: 'trainError' | 'testError',
): ChartSeries => ({
  label,
  results: resultsOf(results, variant, seeds),
  measure: (epoch) => epoch[measure] ?? Number.NaN,
});
