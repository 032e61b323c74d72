import type { OptimizerName } from '../../optim/by-name.js';
import { resultsOf, withSeeds } from '../claims/claim.js';
import type { Job, Variant } from '../claims/job.js';
import type { Result, Results } from '../claims/result.js';
import { type Search, searchRate } from '../claims/search.js';
import { partsOf, type Recipe } from '../paper.js';
import { recipes } from './recipe.js';

/** The optimizers that are compared, in the paper's words. */
export const METHODS = ['SGD with Nesterov momentum', 'AdaGrad', 'RMSProp', 'Adam'] as const;
export type Method = (typeof METHODS)[number];

const RULES: Readonly<Record<Method, Pick<Recipe, 'optimizer' | 'momentum' | 'optimizerOptions'>>> = {
  'SGD with Nesterov momentum': { optimizer: 'sgd', momentum: 0.9, optimizerOptions: { nesterov: true } },
  AdaGrad: { optimizer: 'adagrad', momentum: 0 },
  RMSProp: { optimizer: 'rmsprop', momentum: 0 },
  Adam: { optimizer: 'adam', momentum: 0 },
};
const SHORT: Readonly<Record<Method, OptimizerName>> = {
  'SGD with Nesterov momentum': 'sgd',
  AdaGrad: 'adagrad',
  RMSProp: 'rmsprop',
  Adam: 'adam',
};

/** Candidate rates, about √10 apart. */
const LADDER = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1];
const SEARCH_SEED = 0;

/** One of the experiments that compare optimizers. */
export interface Experiment {
  readonly id: 'logistic' | 'two-layer' | 'conv';
  readonly dataset: string;
  readonly epochs: number;
  readonly searchEpochs: number;
  readonly seeds: readonly number[];
  /** Of one epoch on two cores. */
  readonly seconds: number;
  /** Where the search begins. */
  readonly middle: Readonly<Record<Method, number>>;
  readonly options?: Readonly<Record<string, string | number>>;
  /** Test images that are measured; default all. */
  readonly evalLimit?: number;
}

export const LOGISTIC: Experiment = {
  id: 'logistic',
  dataset: 'mnist',
  epochs: 20,
  searchEpochs: 4,
  seeds: [1, 2],
  seconds: 0.5,
  middle: { 'SGD with Nesterov momentum': 0.1, AdaGrad: 0.1, RMSProp: 0.01, Adam: 0.03 },
  options: { decay: 'root' },
};

export const TWO_LAYER: Experiment = {
  id: 'two-layer',
  dataset: 'mnist',
  epochs: 6,
  searchEpochs: 2,
  seeds: [1],
  seconds: 3,
  middle: { 'SGD with Nesterov momentum': 0.03, AdaGrad: 0.01, RMSProp: 3e-4, Adam: 1e-3 },
};

/** A quarter of the paper's kernels, and a tenth of its images. */
export const CONV: Experiment = {
  id: 'conv',
  dataset: 'cifar10-part',
  epochs: 8,
  searchEpochs: 1,
  seeds: [1],
  seconds: 3,
  middle: { 'SGD with Nesterov momentum': 0.01, AdaGrad: 0.01, RMSProp: 3e-4, Adam: 1e-3 },
  options: { kernels: 16 },
  evalLimit: 500,
};

function variant(experiment: Experiment, method: Method, lr: number, epochs: number): Variant {
  const { id, dataset, options, evalLimit, seconds } = experiment;
  const { model, training } = partsOf(recipes[id]);
  return {
    id: `${id}-${SHORT[method]}-lr${lr}${epochs === experiment.epochs ? '' : '-search'}`,
    dataset,
    model: { ...model, ...(options ? { options } : {}) },
    training: {
      ...training,
      ...RULES[method],
      lr,
      epochs,
      ...(evalLimit === undefined ? {} : { evalLimit }),
    },
    seconds: epochs * seconds,
  };
}

/** The mean cost of the last epoch; a training that diverged is the worst. */
export const lastCost = ({ diverged, epochs }: Pick<Result, 'diverged' | 'epochs'>): number =>
  diverged ? Number.POSITIVE_INFINITY : (epochs.at(-1)?.trainLoss ?? Number.POSITIVE_INFINITY);

const searchOf = (experiment: Experiment, method: Method, results: Results): Search =>
  searchRate(
    {
      ladder: LADDER,
      middle: experiment.middle[method],
      seed: SEARCH_SEED,
      variant: (lr) => variant(experiment, method, lr, experiment.searchEpochs),
      score: lastCost,
    },
    results,
  );

/** The training with the best rate; undefined until the search has ended. */
export function measuredVariant(
  experiment: Experiment,
  method: Method,
  results: Results,
): Variant | undefined {
  const { best } = searchOf(experiment, method, results);
  return best === undefined ? undefined : variant(experiment, method, best, experiment.epochs);
}

/** The searches of some methods, and the training runs that they decide. */
export const comparisonJobs = (experiment: Experiment, methods: readonly Method[], results: Results): Job[] =>
  methods.flatMap((method) => {
    const chosen = measuredVariant(experiment, method, results);
    return [
      ...searchOf(experiment, method, results).jobs,
      ...(chosen ? withSeeds(chosen, experiment.seeds) : []),
    ];
  });

export const measuredResults = (experiment: Experiment, method: Method, results: Results): Result[] => {
  const chosen = measuredVariant(experiment, method, results);
  return chosen ? resultsOf(results, chosen, experiment.seeds) : [];
};

/** Settings of Figure 4, for β₁ = 0.9. */
export const BETA2 = [0.99, 0.999, 0.9999];
/** log₁₀ of the step size. */
export const EXPONENTS = [-4, -3, -2];
export const BIAS_EPOCHS = 3;
export const CORRECTIONS = ['on', 'off'] as const;
export type Correction = (typeof CORRECTIONS)[number];

function biasVariant(beta2: number, exponent: number, correction: Correction): Variant {
  const { model, training } = partsOf(recipes.autoencoder);
  return {
    id: `bias-beta2-${beta2}-lr1e${exponent}-${correction}`,
    dataset: 'mnist',
    model: { ...model, options: { correction } },
    training: {
      ...training,
      lr: 10 ** exponent,
      optimizerOptions: { betas: [0.9, beta2] },
      epochs: BIAS_EPOCHS,
    },
    seconds: 5,
  };
}

export const biasJobs = (): Job[] =>
  BETA2.flatMap((beta2) =>
    EXPONENTS.flatMap((exponent) =>
      CORRECTIONS.map((correction) => ({ variant: biasVariant(beta2, exponent, correction), seed: 0 })),
    ),
  );

/** Negated bound on the training images in the last epoch, in nats; infinite for a training that diverged. */
export const biasCost = (
  beta2: number,
  exponent: number,
  correction: Correction,
  results: Results,
): number => {
  const result = results.get(biasVariant(beta2, exponent, correction), 0);
  return result ? lastCost(result) : Number.NaN;
};
