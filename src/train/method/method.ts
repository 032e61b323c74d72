import type { Shape } from '../../graph/types.js';
import type { Optimizer } from '../../optim/optimizer.js';
import type { Generator } from '../../random.js';
import type { Measurement } from '../../run/events.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { TimedSchedule } from '../optimizer.js';

/** Random values of a batch: a pure function of the run's seed and of the batch, so that a resumed run draws the same. */
export interface Draws {
  readonly generator: Generator;
  /** Normal values, float32; mean 0 and standard deviation 1 unless given. */
  normal(shape: Shape, options?: { readonly mean?: number; readonly std?: number }): Tensor;
  /** Uniform values in [low, high), float32; [0, 1) unless given. */
  uniform(shape: Shape, options?: { readonly low?: number; readonly high?: number }): Tensor;
}

export interface UpdateOptions {
  /** Name of the optimizer; may be left out if there is only one. */
  readonly optimizer?: string | undefined;
  /**
   * Further scalars to log, each a mean over the batch. They are computed in the same run, so they may depend on the
   * weights before the update.
   */
  readonly metrics?: Readonly<Record<string, Tensor>>;
  /** Number of correct predictions in the batch, from which the epoch's training accuracy is computed. */
  readonly correct?: Tensor;
}

/** The context that a step gets besides the batch. */
export interface StepContext extends Draws {
  /** From 0. */
  readonly epoch: number;
  /** Index of the batch in the epoch, from 0. */
  readonly index: number;
  /** Samples in the batch. */
  readonly count: number;
  /** Index of each sample in the data set. */
  readonly indices: Int32Array;
  /**
   * Computes the gradients of a loss and updates the parameters of one optimizer. What is built afterwards in the step
   * sees the new weights. The loss of the first update is the run's loss.
   *
   * If the loss or a gradient is NaN or infinite, neither this update nor later ones of the step change anything.
   *
   * @param loss a scalar: the mean over the batch
   */
  update(loss: Tensor, options?: UpdateOptions): void;
}

/** The context that a measurement gets besides the batch. */
export type MeasureContext = Omit<StepContext, 'update'>;

/**
 * The context for samples of a generative model. Each call draws the same values, so that samples of different steps
 * can be compared.
 */
export interface SampleContext extends Draws {
  /** Number of completed steps. */
  readonly step: number;
}

/** The measurement that decides which weights are the best. */
export interface BestBy {
  /** Name among the measurements of the test set; default `loss`. */
  readonly metric: string;
  readonly mode: 'min' | 'max';
}

/**
 * How a network is trained and measured. The trainer does the rest: batches, accumulation, clipping, guards against NaN,
 * checkpoints, resume, logs.
 */
export interface Method {
  /** By name; the learning rate of the first one is logged. */
  readonly optimizers: Readonly<Record<string, Optimizer>>;
  readonly schedules: readonly TimedSchedule[];
  /**
   * Describes one step on a batch, in training mode, with at least one {@link StepContext.update}. It must depend only
   * on the batch, the context and the model.
   */
  step(batch: unknown, context: StepContext): void | Promise<void>;
  /** Measures the model on the test set, in evaluation mode; absent for a model that is not measured. */
  readonly evaluate?: ((options: EvaluationOptions) => Promise<Measurement>) | undefined;
  /** Measures the first test batch alone, so that mistakes show before an epoch is trained. */
  readonly rehearse?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Absent: by accuracy. */
  readonly best?: BestBy | undefined;
  /** Images from the model, in evaluation mode: [N, 1 or 3, H, W] with values from 0 to 1, by name. */
  readonly samples?: ((context: SampleContext) => SampleImages | Promise<SampleImages>) | undefined;
  /** The loss of a model that has learnt nothing, if it is known. */
  readonly chanceLoss?: number | undefined;
}

/** One set of images, or several by name. */
export type SampleImages = Tensor | Readonly<Record<string, Tensor>>;

export interface EvaluationOptions {
  readonly limit: number | undefined;
  readonly onProgress: (images: number, total: number) => void;
  readonly signal: AbortSignal;
}
