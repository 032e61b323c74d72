import { type Label, resultsOf, type Text } from './claim.js';
import type { Job, Variant } from './job.js';
import type { Ratio } from './ratio.js';
import type { EpochResult, Result, Results } from './result.js';

/** A chart drawn from a paper's results; errors over epochs unless it says otherwise. */
export interface Chart {
  /** File name: small letters, digits and hyphens. */
  readonly name: string;
  readonly title: Text;
  /** Default: epochs. */
  readonly xLabel?: Text;
  readonly yLabel: Text;
  /** Unit after each number of the vertical axis; default ` %`. */
  readonly unit?: string;
  /** Ends of the vertical axis; default: from 0 to the largest value. */
  readonly range?: readonly [from: number, to: number];
  /** Logarithmic vertical axis, without a unit. */
  readonly log?: boolean;
  /** Points without lines between them. */
  readonly dots?: boolean;
  /** A dash pattern for each series, for curves that lie on each other. */
  readonly dashed?: boolean;
  /** A horizontal line at a target level. */
  readonly mark?: number;
  /** Series without points are not drawn. */
  readonly series: readonly ChartSeries[];
}

/** Points drawn in one colour. */
export interface ChartSeries {
  readonly label: Label;
  readonly points: readonly ChartPoint[];
}

export interface ChartPoint {
  /** Horizontal position. */
  readonly step: number;
  /** NaN ends a line; Infinity ends it too, and is marked with a cross: a training that diverged. */
  readonly value: number;
}

/** Positions of training runs that diverged. */
export const divergedIn = (points: readonly ChartPoint[]): number[] =>
  points.filter(({ value }) => value === Number.POSITIVE_INFINITY).map(({ step }) => step);

/** The vertical axis's label, which explains the crosses of training runs that diverged, if there are any. */
export function yLabelOf({ yLabel: { en, zh }, series }: Pick<Chart, 'yLabel' | 'series'>): Text {
  if (series.every(({ points }) => divergedIn(points).length === 0)) return { en, zh };
  return { en: `${en} · × diverged`, zh: `${zh} · × 训练发散` };
}

/** Ratios under several conditions, as bars from 1. */
export interface RatioChart {
  /** File name: small letters, digits and hyphens. */
  readonly name: string;
  readonly title: Text;
  /** What is divided by what. */
  readonly subtitle: Text;
  /** What ratios below and above 1 say. */
  readonly sides: readonly [below: Text, above: Text];
  /** The paper's own ratio, with its name. */
  readonly mark: { readonly value: number; readonly label: Text };
  readonly rows: readonly (Ratio & { readonly label: Label })[];
}

/** Images that a generative model has drawn in one training, as one figure. */
export interface SampleFigure {
  /** File name: small letters, digits and hyphens. */
  readonly name: string;
  readonly title: Text;
  readonly job: Job;
  /** Name of the set of images; default `samples`. */
  readonly set?: string;
}

export const TRAINING_ERROR: Text = { en: 'training error', zh: '训练误差' };
export const TEST_ERROR: Text = { en: 'test error', zh: '测试误差' };
export const TRAINING: Text = { en: 'training', zh: '训练' };
export const TEST: Text = { en: 'test', zh: '测试' };

type Measure = 'trainError' | 'testError' | ((epoch: EpochResult) => number | undefined);

/** Curves over epochs: one for each training, all of one colour. */
export const curvesOf = (label: Label, results: readonly Result[], measure: Measure): ChartSeries => ({
  label,
  points: results.flatMap(({ epochs }) => [
    ...epochs.map((epoch) => ({
      step: epoch.epoch,
      value: (typeof measure === 'string' ? epoch[measure] : measure(epoch)) ?? Number.NaN,
    })),
    // Separates the curves of two training runs.
    { step: 0, value: Number.NaN },
  ]),
});

/** Results of one variant with each seed, as a series. */
export const seriesOf = (
  results: Results,
  label: Label,
  variant: Variant,
  seeds: readonly number[],
  measure: Measure,
): ChartSeries => curvesOf(label, resultsOf(results, variant, seeds), measure);
