import type { Module } from '../../nn/module.js';
import type { Optimizer } from '../../optim/optimizer.js';
import type { TrainConfig } from '../../run/config.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { TimedSchedule } from '../optimizer.js';
import type { BestBy, MeasureContext, SampleContext, SampleImages, StepContext } from './method.js';

/** The arguments of a paper's `training` function. */
export interface TrainingSetup<M extends Module<unknown> = Module> {
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
