/** What a run tells while it goes on: the lines of `metrics.jsonl` and of `train --json`. */
export interface StepEvent {
  readonly event: 'step';
  /** From 1, as printed lines have it. */
  readonly epoch: number;
  /** Steps of the run that are done. */
  readonly step: number;
  readonly loss: number;
  readonly lr: number;
  readonly imagesPerSecond: number;
  readonly stepSeconds: number;
  /** Part of the step that was spent waiting for data. */
  readonly dataSeconds: number;
  /** Resident size of the process. */
  readonly rssMiB: number;
  /** L2 norm of all gradients together before they were clipped, where the run clips by norm. */
  readonly gradNorm?: number;
}

export interface EpochEvent {
  readonly event: 'epoch';
  readonly epoch: number;
  readonly step: number;
  readonly trainLoss: number;
  /** Percent, over the epoch's own batches as they were trained on. */
  readonly trainAccuracy: number;
  readonly testLoss: number;
  readonly testAccuracy: number;
  readonly testTop5: number;
  readonly testImages: number;
  /** Images that the test set has, where only a sample of them was measured. */
  readonly testTotal?: number;
  readonly seconds: number;
}

export interface DoneEvent {
  readonly event: 'done';
  readonly run: string;
  readonly step: number;
  readonly testAccuracy: number;
  readonly testTop5: number;
  readonly testImages: number;
  /** As in {@link EpochEvent}. */
  readonly testTotal?: number;
  readonly seconds: number;
}

/** A line of `log.jsonl`: what the run said to people. */
export interface LogLine {
  readonly event: 'line' | 'note';
  /** Steps that were done. */
  readonly step: number;
  readonly text: string;
}

/** Steps between two insights. At a batch of 128 such a probe takes less than 1 % of the time, at 16 about that. */
export const INSIGHT_EVERY = 100;

/** A line of `insights.jsonl`, written now and then while a run trains (`insightEvery`). */
export interface Insight {
  readonly event: 'insight';
  /** Steps that were done. */
  readonly step: number;
  /** For each parameter: L2 norms of its gradient in this step, and of itself after it. */
  readonly parameters: readonly {
    readonly name: string;
    /** Null, here and below, for what is not a finite number, which JSON cannot say. */
    readonly gradNorm: number | null;
    readonly norm: number | null;
  }[];
  /** For each activation layer, over a fixed set of test images in evaluation mode. */
  readonly activations: readonly ActivationInsight[];
}

/** What an activation layer puts out. Its units are its feature maps, or its neurons where it has no maps. */
export interface ActivationInsight {
  /** Module path, such as `features.2`. */
  readonly name: string;
  /** Class of the module, such as `ReLU`. */
  readonly kind: string;
  readonly units: number;
  /** Share of the units that no image makes positive anywhere (saturating: that every image drives to an end). */
  readonly dead: number;
  /** Mean over units, images and places of a map of being positive (saturating: of being away from both ends). */
  readonly active: number;
  readonly mean: number | null;
  readonly std: number | null;
  /** Bins of equal width; the server leaves out those of all but the last insight unless asked. */
  readonly histogram?: { readonly min: number; readonly max: number; readonly counts: readonly number[] };
}

/** `interrupted`: it ended before its last step and no process is at work on it. `failed`: it ended with an error. */
export type RunStatus = 'training' | 'paused' | 'done' | 'interrupted' | 'failed';

/** What can be asked of a run from outside. Carried out after the step that is under way. */
export interface ControlRequest {
  readonly action: 'pause' | 'resume' | 'stop';
}

/** The first layer's kernels at one step: [count, 3, side, side]. */
export interface KernelImage {
  readonly step: number;
  readonly count: number;
  readonly side: number;
  readonly data: Float32Array;
}

/** Whoever watches a run. All methods are called in order, from the training loop. */
export interface Observer {
  /** Printed lines. */
  line?(text: string): void;
  /** Something that a person should know, such as a net that does not start to learn. */
  note?(text: string): void;
  step?(event: StepEvent, progress: { readonly stepsTotal: number }): void;
  epoch?(event: EpochEvent): void;
  evaluating?(images: number, total: number): void;
  /** Training images whose mean is being taken, before the first step. */
  counting?(images: number, total: number): void;
  checkpoint?(file: string): void;
  insight?(insight: Insight): void;
  kernels?(kernels: KernelImage): void;
}

/** What a model came to on a data set. */
export interface Evaluation {
  /** Percent of the images whose label gets the largest logit. */
  readonly accuracy: number;
  /** Percent of the images whose label is among the five largest logits, or probabilities of `views`. */
  readonly top5: number;
  /** Mean cross-entropy. */
  readonly loss: number;
  /** Images that were measured; those that cannot be read are left out. */
  readonly images: number;
  /** Images in the sample or the whole set, with those that cannot be read. */
  readonly sampled: number;
  /** Images that the data set has. */
  readonly total: number;
}
