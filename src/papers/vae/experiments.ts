import { resultsOf, withSeeds } from '../claims/claim.js';
import type { Job, Variant } from '../claims/job.js';
import { testMetric, trainMetric } from '../claims/kinds.js';
import type { Result, Results } from '../claims/result.js';
import { type Summary, summarise } from '../claims/statistics.js';
import { partsOf } from '../paper.js';
import { recipes } from './recipe.js';
import type { ALGORITHMS } from './training.js';

export type Algorithm = (typeof ALGORITHMS)[number];

/** Numbers of latent variables of the paper's Figure 2. */
export const SIZES = [3, 5, 10, 20, 200];
/** Of these, the size at which wake-sleep is trained too. */
export const COMPARED = [20];
const SEEDS = [0];
export const EPOCHS = 50;
/** Of the two latent variables of Figure 4, which learn slowly. */
export const PLANE_EPOCHS = 100;
/** The paper's step sizes, of which the best in the first epochs is taken. */
const RATES = [0.01, 0.02, 0.1];
const SEARCH_EPOCHS = 5;
const SEARCHED = 20;
const EPOCH_SECONDS = 1;

const { model, training } = partsOf(recipes.mnist);

function variant(
  id: string,
  options: Record<string, string | number>,
  lr: number,
  { epochs = EPOCHS, cost = 1 } = {},
): Variant {
  return {
    id,
    dataset: 'mnist',
    model: { ...model, options },
    training: { ...training, lr, epochs },
    seconds: epochs * cost * EPOCH_SECONDS,
  };
}

const searched = (algorithm: Algorithm, lr: number): Variant =>
  variant(`${algorithm}-search-lr${lr}`, { algorithm, latent: SEARCHED }, lr, { epochs: SEARCH_EPOCHS });

const searchJobs = (algorithm: Algorithm): Job[] =>
  RATES.map((lr) => ({ variant: searched(algorithm, lr), seed: 0 }));

/** The step size with the best bound on the training images; undefined until all have been tried. */
export function chosenRate(algorithm: Algorithm, results: Results): number | undefined {
  const found = searchJobs(algorithm).map((job) => results.get(job.variant, job.seed));
  if (found.includes(undefined)) return undefined;
  const losses = found.map((result) => (result!.diverged ? Number.POSITIVE_INFINITY : trainLoss(result!)));
  return RATES[losses.indexOf(Math.min(...losses))];
}

/** Training runs whose step size depends on the results of the search. */
export interface Series {
  readonly algorithm: Algorithm;
  readonly latent: number;
  /** Draws for each image. */
  readonly draws?: number;
}

/** The variant of a series; undefined until its step size is known. */
export function variantOf({ algorithm, latent, draws }: Series, results: Results): Variant | undefined {
  const lr = chosenRate(algorithm, results);
  if (lr === undefined) return undefined;
  const more = draws === undefined ? '' : `-draws-${draws}`;
  return variant(
    `${algorithm}-${latent}${more}`,
    { algorithm, latent, ...(draws === undefined ? {} : { draws }) },
    lr,
    { ...(latent === 2 ? { epochs: PLANE_EPOCHS } : {}), ...(draws === undefined ? {} : { cost: 2 }) },
  );
}

/** The search first, then the training runs that it decides. */
export function jobsOf(series: readonly Series[], results: Results): Job[] {
  const algorithms = [...new Set(series.map(({ algorithm }) => algorithm))];
  return [
    ...algorithms.flatMap(searchJobs),
    ...series.flatMap((one) => {
      const found = variantOf(one, results);
      return found ? withSeeds(found, SEEDS) : [];
    }),
  ];
}

/** The results of a series whose training runs are done. */
export const resultsIn = (series: Series, results: Results): Result[] => {
  const found = variantOf(series, results);
  return found ? resultsOf(results, found, SEEDS) : [];
};

/** Negated bound in nats on the training images, averaged over the last epoch. */
export const trainLoss = (result: Result): number =>
  trainMetric('reconstruction')(result) + trainMetric('divergence')(result);

/** Negated bound in nats on the test images. */
export const testLoss = testMetric('loss');

/** A measurement of a series over its seeds. */
export const summaryOf = (series: Series, results: Results, measure: (result: Result) => number): Summary =>
  summarise(resultsIn(series, results).map(measure));
