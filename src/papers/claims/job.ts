import type { ModelConfig, TrainConfig } from '../../run/config.js';

/** A training that measures a claim; together with a seed it is a job. */
export interface Variant {
  /** Name of its files: small letters, digits, dots and hyphens. */
  readonly id: string;
  /** The recipe, if the variant uses one unchanged. */
  readonly recipe?: string;
  /** A built-in data set, or one of the paper's own. */
  readonly dataset: string;
  readonly model: Omit<ModelConfig, 'paper' | 'classes'>;
  readonly training: Omit<
    TrainConfig,
    'version' | 'recipe' | 'dataset' | 'data' | 'model' | 'seed' | 'machine'
  >;
  /** Estimated duration of one run on two cores, for plans and budgets. */
  readonly seconds: number;
}

export interface Job {
  readonly variant: Variant;
  readonly seed: number;
}

export const jobName = ({ variant, seed }: Job): string => `${variant.id}-seed${seed}`;
