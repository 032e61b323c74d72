import type { AnySet } from '../../data/dataset.js';
import type { Transform } from '../../data/transforms/index.js';
import type { World } from '../../distributed/index.js';
import { shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import type { Module } from '../../nn/module.js';
import type { Optimizer } from '../../optim/optimizer.js';
import { MAIN } from '../../run/checkpoint.js';
import type { TrainConfig } from '../../run/config.js';
import type { Tensor } from '../../tensor/tensor.js';
import { makeOptimizer, makeSchedule, type TimedSchedule } from '../optimizer.js';
import { measureModel } from './measure-model.js';
import type { BestBy, MeasureContext, Method, SampleContext, SampleImages, StepContext } from './method.js';

/** The arguments of a paper's `training` function. */
export interface TrainingSetup<M extends Module = Module> {
  /** On its device. */
  readonly model: M;
  readonly config: TrainConfig;
  /** Steps of the whole run. */
  readonly stepsTotal: number;
}

/** A loss with further scalars to log, each a mean over the batch. */
export interface LossAndMetrics {
  readonly loss: Tensor;
  readonly metrics?: Readonly<Record<string, Tensor>>;
}

/** How a paper is trained, if it is not a classifier. Either `loss`, or a whole `step`. */
export interface Training {
  /** Optimizers by name; default: the one that the run's configuration describes, as `main`. */
  readonly optimizers?: Readonly<Record<string, Optimizer>>;
  /** Schedules of its own optimizers; default: the one that the configuration describes, for `main`. */
  readonly schedules?: readonly TimedSchedule[];
  /** The mean loss of a batch. The trainer does the rest of the step. */
  loss?(batch: unknown, context: MeasureContext): Tensor | LossAndMetrics;
  /** A whole step with one or several `context.update`. */
  step?(batch: unknown, context: StepContext): void | Promise<void>;
  /**
   * Measures a batch of the test set, in evaluation mode: means over the batch, by name, which are averaged over the
   * set. Without it the run is not measured, and the last weights are the result.
   */
  measure?(
    batch: unknown,
    context: MeasureContext,
  ): Readonly<Record<string, Tensor>> | Promise<Readonly<Record<string, Tensor>>>;
  /** The measurement that decides the best weights; default: the smallest `loss`. */
  readonly best?: BestBy;
  /** Images from a generative model, made at the end of each epoch. */
  samples?(context: SampleContext): SampleImages | Promise<SampleImages>;
}

/** What is measured of a classifier besides its accuracy. */
export type Observation = Pick<Training, 'measure' | 'samples'>;

export interface OwnParts {
  readonly paper: string;
  readonly config: TrainConfig;
  readonly model: Module;
  readonly testSet: AnySet;
  readonly testTransform: Transform | undefined;
  readonly stepsTotal: number;
  readonly world?: World | undefined;
}

/** The method of a paper that defines `training`. @throws UsageError for parts that do not fit */
export function ownMethod(training: Training, parts: OwnParts): Method {
  const { paper, config, model, testSet, testTransform, stepsTotal, world } = parts;
  const refuse = (what: string, expected: string, got: string): never => {
    throw new UsageError({ what: `The training of ${paper}: ${what}`, expected, got });
  };
  const { optimizers: own, schedules, best } = training;
  if ((training.loss === undefined) === (training.step === undefined))
    refuse('what a step does', 'either a loss or a step', training.loss ? 'both' : 'neither');
  if (own && Object.keys(own).length === 0) refuse('its optimizers', 'at least one by name', 'none');
  for (const name of Object.keys(own ?? {}))
    if (!/^[A-Za-z][\w-]*$/.test(name))
      refuse('the name of an optimizer', 'a letter first, then letters, digits and hyphens', shown(name));
  if (own && config.ema !== undefined)
    refuse(
      '--ema',
      'the optimizer of the configuration, whose weights are averaged',
      'optimizers of its own',
    );
  if (config.labelSmoothing)
    refuse('--label-smoothing', 'a paper with cross-entropy as its loss', 'its own loss');
  if (best && !training.measure) refuse('best', 'a measure beside it', 'none');
  const main = own ? undefined : makeOptimizer(model, config);
  const timed = main && makeSchedule(main, config, stepsTotal);
  const { measure } = training;
  const measured: Measure | undefined =
    measure && ((batch, context) => measure.call(training, batch, context));
  const { batchSize, seed } = config;
  return {
    optimizers: own ?? { [MAIN]: main! },
    schedules: schedules ?? (timed ? [timed] : []),
    step: (batch, context) => {
      if (training.step) return training.step(batch, context);
      const result = training.loss!(batch, context);
      const { loss, metrics = {} } = 'loss' in result ? result : { loss: result };
      context.update(loss, { metrics });
    },
    ...(measured
      ? {
          evaluate: (options) =>
            measureModel(
              { model, testSet, testTransform, batchSize, seed, world, measure: measured },
              options,
            ),
          best: best ?? { metric: 'loss', mode: 'min' },
        }
      : {}),
    ...(training.samples ? { samples: (context: SampleContext) => training.samples!(context) } : {}),
  };
}

type Measure = (
  batch: unknown,
  context: MeasureContext,
) => Readonly<Record<string, Tensor>> | Promise<Readonly<Record<string, Tensor>>>;
