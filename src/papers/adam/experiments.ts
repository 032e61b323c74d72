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
/** Names in charts and tables. */
export const NAMES: Readonly<Record<Method, string>> = {
  'SGD with Nesterov momentum': 'SGD-Nesterov',
  AdaGrad: 'AdaGrad',
  RMSProp: 'RMSProp',
  Adam: 'Adam',
};
const SHORT: Readonly<Record<Method, OptimizerName>> = {
  'SGD with Nesterov momentum': 'sgd',
  AdaGrad: 'adagrad',
  RMSProp: 'rmsprop',
  Adam: 'adam',
};

/** Candidate rates, about √10 apart. */
const LADDER = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];
const SEARCH_SEED = 0;

/** One of the experiments that compare optimizers. */
export interface Experiment {
  readonly id: 'logistic' | 'two-layer' | 'conv';
  readonly dataset: string;
  readonly epochs: number;
  readonly seeds: readonly number[];
  /** Of one epoch on two cores. */
  readonly seconds: number;
  /** Where the search begins. */
  readonly middle: Readonly<Record<Method, number>>;
  readonly options?: Readonly<Record<string, string | number>>;
  /** Methods that keep their rate where `options` lets it fall. */
  readonly constant?: readonly Method[];
  /** Test images that are measured; default all. */
  readonly evalLimit?: number;
}

export const LOGISTIC: Experiment = {
  id: 'logistic',
  dataset: 'mnist',
  epochs: 20,
  seeds: [1, 2, 3],
  seconds: 0.5,
  middle: { 'SGD with Nesterov momentum': 3, AdaGrad: 0.3, RMSProp: 0.03, Adam: 0.1 },
  options: { decay: 'root' },
  // AdaGrad divides by the root of a sum that grows with the steps, so its steps fall like those of the others.
  constant: ['AdaGrad'],
};

/** Every method with the falling rate, AdaGrad too. */
export const ALL_FALLING: Experiment = { ...LOGISTIC, constant: [] };

export const TWO_LAYER: Experiment = {
  id: 'two-layer',
  dataset: 'mnist',
  epochs: 6,
  seeds: [1, 2],
  seconds: 3,
  middle: { 'SGD with Nesterov momentum': 0.1, AdaGrad: 0.01, RMSProp: 1e-3, Adam: 1e-3 },
};

/** A quarter of the paper's kernels, and a tenth of its images. */
export const CONV: Experiment = {
  id: 'conv',
  dataset: 'cifar10-part',
  epochs: 8,
  seeds: [1],
  seconds: 3,
  middle: { 'SGD with Nesterov momentum': 0.03, AdaGrad: 3e-3, RMSProp: 3e-4, Adam: 1e-3 },
  options: { kernels: 16 },
  evalLimit: 500,
};

function variant(experiment: Experiment, method: Method, lr: number): Variant {
  const { id, dataset, epochs, evalLimit, seconds } = experiment;
  const { model, training } = partsOf(recipes[id]);
  const isConstant = experiment.constant?.includes(method);
  const options = isConstant ? { ...experiment.options, decay: 'none' } : experiment.options;
  return {
    id: `${id}-${SHORT[method]}${isConstant ? '-constant' : ''}-lr${lr}`,
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

export const searchOf = (experiment: Experiment, method: Method, results: Results): Search =>
  searchRate(
    {
      ladder: LADDER,
      middle: experiment.middle[method],
      seed: SEARCH_SEED,
      variant: (lr) => variant(experiment, method, lr),
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
  return best === undefined ? undefined : variant(experiment, method, best);
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

/** The settings of Figure 4 with the larger of its two β₁. */
const BETA1 = 0.9;
export const BETA2 = [0.99, 0.999, 0.9999];
/** log₁₀ of the step size. */
export const EXPONENTS = [-5, -4, -3, -2, -1];
export const BIAS_EPOCHS = 10;
const BIAS_SEED = 0;
export const CORRECTIONS = ['on', 'off'] as const;
export type Correction = (typeof CORRECTIONS)[number];

export interface BiasSetting {
  readonly beta2: number;
  readonly exponent: number;
}

export const BIAS_SETTINGS: readonly BiasSetting[] = BETA2.flatMap((beta2) =>
  EXPONENTS.map((exponent) => ({ beta2, exponent })),
);

function biasVariant({ beta2, exponent }: BiasSetting, correction: Correction): Variant {
  const { model, training } = partsOf(recipes.autoencoder);
  return {
    id: `bias-beta1-${BETA1}-beta2-${beta2}-lr1e${exponent}-${correction}`,
    dataset: 'mnist',
    model: { ...model, options: { correction } },
    training: {
      ...training,
      lr: 10 ** exponent,
      optimizerOptions: { betas: [BETA1, beta2] },
      epochs: BIAS_EPOCHS,
    },
    seconds: 15,
  };
}

export const biasJobs = (): Job[] =>
  BIAS_SETTINGS.flatMap((setting) =>
    CORRECTIONS.map((correction) => ({ variant: biasVariant(setting, correction), seed: BIAS_SEED })),
  );

/** Negated bound on the training images in the last epoch, in nats; infinite for a training that diverged. */
export const biasCost = (setting: BiasSetting, correction: Correction, results: Results): number => {
  const result = results.get(biasVariant(setting, correction), BIAS_SEED);
  return result ? lastCost(result) : Number.NaN;
};
