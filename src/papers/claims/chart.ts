import type { Text } from './claim.js';
import { resultsOf } from './claim.js';
import type { Variant } from './job.js';
import type { EpochResult, Result, Results } from './result.js';

/** Errors against epochs drawn from a paper's results. */
export interface Chart {
  /** Of its file: small letters, digits and hyphens. */
  readonly name: string;
  readonly title: Text;
  readonly yLabel: Text;
  /** A level that the curves are to come down to, percent. */
  readonly mark?: number;
  /** Those without results are not drawn. */
  readonly series: readonly ChartSeries[];
}

/** The trainings of one kind, in one colour. */
export interface ChartSeries {
  readonly label: string;
  readonly results: readonly Result[];
  /** Percent. */
  readonly measure: (epoch: EpochResult) => number;
}

export const TRAINING_ERROR: Text = { en: 'training error', zh: '训练误差' };
export const TEST_ERROR: Text = { en: 'test error', zh: '测试误差' };

/** What a training came to, epoch by epoch, with each seed. */
export const seriesOf = (
  results: Results,
  label: string,
  variant: Variant,
  seeds: readonly number[],
  measure: 'trainError' | 'testError',
): ChartSeries => ({
  label,
  results: resultsOf(results, variant, seeds),
  measure: (epoch) => epoch[measure],
});
