import type { ModelConfig, TrainConfig } from '../../run/config.js';
import type { DatasetName } from '../../run/dataset-names.js';

/** A training that claims are measured by; with a seed it is a job. */
export interface Variant {
  /** Name of its files: small letters, digits, dots and hyphens. */
  readonly id: string;
  /** The recipe that it is, when it is one as it stands. */
  readonly recipe?: string;
  readonly dataset: DatasetName;
  readonly model: Omit<ModelConfig, 'paper' | 'classes'>;
  readonly training: Omit<
    TrainConfig,
    'version' | 'recipe' | 'dataset' | 'data' | 'model' | 'seed' | 'machine'
  >;
  /** About how long one run takes on two cores, for plans and budgets. */
  readonly seconds: number;
}

export interface Job {
  readonly variant: Variant;
  readonly seed: number;
}

export const jobName = ({ variant, seed }: Job): string => `${variant.id}-seed${seed}`;
