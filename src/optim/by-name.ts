import type { Optimizer, ParameterGroup } from './optimizer.js';
import { Adadelta } from './optimizers/adadelta.js';
import { Adagrad } from './optimizers/adagrad.js';
import { Adam, AdamW } from './optimizers/adam.js';
import { Adamax } from './optimizers/adamax.js';
import { LAMB } from './optimizers/lamb.js';
import { LARS } from './optimizers/lars.js';
import { NAdam } from './optimizers/nadam.js';
import { RAdam } from './optimizers/radam.js';
import { RMSprop } from './optimizers/rmsprop.js';
import { SGD } from './optimizers/sgd.js';

/** An optimizer that can be chosen by name. */
export interface OptimizerKind {
  new (groups: Iterable<ParameterGroup>, options: never): Optimizer;
  /** All its options with their defaults; the learning rate only if it has one. */
  readonly defaults: object;
  /** @throws UsageError for an option that is not valid */
  check(options: never): void;
}

/** All optimizers by the names of `train --optimizer` and of run configurations. */
export const OPTIMIZERS = {
  sgd: SGD,
  adam: Adam,
  adamw: AdamW,
  adamax: Adamax,
  nadam: NAdam,
  radam: RAdam,
  rmsprop: RMSprop,
  adagrad: Adagrad,
  adadelta: Adadelta,
  lars: LARS,
  lamb: LAMB,
} satisfies Record<string, OptimizerKind>;

export type OptimizerName = keyof typeof OPTIMIZERS;
export const OPTIMIZER_NAMES = Object.keys(OPTIMIZERS) as [OptimizerName, ...OptimizerName[]];

/** Whether an optimizer has an option of this name, besides the learning rate, which all have. */
export const hasOption = (name: OptimizerName, option: string): boolean =>
  Object.hasOwn(OPTIMIZERS[name].defaults, option);
