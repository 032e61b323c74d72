/** Events of a run: lines of `metrics.jsonl` and of `train --json`. */
export interface StepEvent {
  readonly event: 'step';
  /** Counted from 1, as in printed lines. */
  readonly epoch: number;
  /** Number of completed steps of the run. */
  readonly step: number;
  readonly loss: number;
  readonly lr: number;
  readonly imagesPerSecond: number;
  readonly stepSeconds: number;
  /** Seconds of the step that were spent waiting for data. */
  readonly dataSeconds: number;
  /** Resident memory of the process in MiB. */
  readonly rssMiB: number;
  /** Global L2 norm of the gradients before clipping, if the run clips by norm. */
  readonly gradNorm?: number;
  /** Number of ranks, if several train together. */
  readonly ranks?: number;
  /** Share of the time in which their devices waited for exchanges, on average. */
  readonly waitShare?: number;
  /** Share of the time in which an exchange of their devices was in progress, on average; it also runs while they compute. */
  readonly exchangeShare?: number;
  /** The rank that waited least: the others waited for it. */
  readonly slowestRank?: number;
  /** Metrics of the paper's own step, by name, possibly empty; absent for a classifier. */
  readonly metrics?: Readonly<Record<string, number>>;
}

export interface EpochEvent {
  readonly event: 'epoch';
  readonly epoch: number;
  readonly step: number;
  readonly trainLoss: number;
  /** Of classifiers: training accuracy in percent, measured during the epoch's steps. */
  readonly trainAccuracy?: number;
  readonly testLoss?: number;
  /** Of classifiers, in percent. */
  readonly testAccuracy?: number;
  /** Of more than five classes; runs of earlier versions have it of fewer, where it is 100. */
  readonly testTop5?: number;
  /** Means over the epoch of the metrics of the paper's own step, by name. */
  readonly trainMetrics?: Readonly<Record<string, number>>;
  /** What the paper itself measures on the test set, by name. */
  readonly testMetrics?: Readonly<Record<string, number>>;
  /** Samples that were measured; 0 for a run that is not measured. */
  readonly testImages: number;
  /** Size of the test set, if only a sample of it was evaluated. */
  readonly testTotal?: number;
  readonly seconds: number;
}

/** The epoch of a classifier. */
export type ClassifiedEpoch = EpochEvent &
  Required<Pick<EpochEvent, 'trainAccuracy' | 'testLoss' | 'testAccuracy'>>;

export const isClassified = (event: EpochEvent): event is ClassifiedEpoch => event.testAccuracy !== undefined;

export interface DoneEvent {
  readonly event: 'done';
  readonly run: string;
  readonly step: number;
  readonly testAccuracy?: number;
  readonly testTop5?: number;
  readonly testMetrics?: Readonly<Record<string, number>>;
  readonly testImages: number;
  /** As in {@link EpochEvent}. */
  readonly testTotal?: number;
  readonly seconds: number;
}

/** A line of `log.jsonl`: a message to the user. */
export interface LogLine {
  readonly event: 'line' | 'note';
  /** Number of completed steps. */
  readonly step: number;
  readonly text: string;
}

/** Default steps between insights. A probe then takes at most about 1 % of the time at batch size 16, less at 128. */
export const INSIGHT_EVERY = 100;

/** A line of `insights.jsonl`, written every `insightEvery` steps. */
export interface Insight {
  readonly event: 'insight';
  /** Number of completed steps. */
  readonly step: number;
  /** For each parameter: L2 norms of its gradient in this step and of its value after it. */
  readonly parameters: readonly {
    readonly name: string;
    /** Here and below, null stands for NaN and infinity, which JSON lacks. */
    readonly gradNorm: number | null;
    readonly norm: number | null;
  }[];
  /** For each activation layer, over a fixed sample of test images in evaluation mode. */
  readonly activations: readonly ActivationInsight[];
}

/** Statistics of an activation layer's output. Units are feature maps, or neurons if it has no maps. */
export interface ActivationInsight {
  /** Module path, such as `features.2`. */
  readonly name: string;
  /** Class of the module, such as `ReLU`. */
  readonly kind: string;
  readonly units: number;
  /** Share of dead units: never positive on any image (saturating layers: saturated on all images). */
  readonly dead: number;
  /** Share of outputs that are positive (saturating layers: not saturated), over units, images and positions. */
  readonly active: number;
  readonly mean: number | null;
  readonly std: number | null;
  /** Histogram with bins of equal width; by default the server sends only that of the last insight. */
  readonly histogram?: { readonly min: number; readonly max: number; readonly counts: readonly number[] };
}

/** `interrupted`: ended before its last step, and no process works on it. `failed`: ended with an error. */
export type RunStatus = 'training' | 'paused' | 'done' | 'interrupted' | 'failed';

/** A request to a run, executed after the current step. */
export interface ControlRequest {
  readonly action: 'pause' | 'resume' | 'stop';
}

/** The kernels of the first layer at one step: [count, 3, side, side]. */
export interface KernelImage {
  readonly step: number;
  readonly count: number;
  readonly side: number;
  readonly data: Float32Array;
}

/** Observer of a run. The training loop calls the methods in order. */
export interface Observer {
  /** A printed line. */
  line?(text: string): void;
  /** A message for the user, such as a warning that the loss stays at chance level. */
  note?(text: string): void;
  step?(event: StepEvent, progress: { readonly stepsTotal: number }): void;
  epoch?(event: EpochEvent): void;
  evaluating?(images: number, total: number): void;
  /** Progress of computing the statistics of the training images, before the first step. */
  counting?(images: number, total: number): void;
  checkpoint?(file: string): void;
  insight?(insight: Insight): void;
  kernels?(kernels: KernelImage): void;
  samples?(samples: SampleImage): void;
}

/** Result of an evaluation. */
export interface Evaluation {
  /** Top-1 accuracy in percent. */
  readonly accuracy: number;
  /** Top-5 accuracy in percent, of more than five classes. */
  readonly top5?: number;
  /** Mean cross-entropy. */
  readonly loss: number;
  /** Number of evaluated images, without those that cannot be read. */
  readonly images: number;
  /** Number of images in the sample or data set, including those that cannot be read. */
  readonly sampled: number;
  /** Number of images in the data set. */
  readonly total: number;
}

/** What a run measures on its test set: the accuracies of a classifier, or metrics of the paper's own. */
export type Measurement = Partial<Pick<Evaluation, 'accuracy' | 'top5' | 'loss'>> &
  Omit<Evaluation, 'accuracy' | 'top5' | 'loss'> & {
    readonly metrics?: Readonly<Record<string, number>>;
  };

/** Images that a generative model has made. */
export interface SampleImage {
  /** Number of completed steps. */
  readonly step: number;
  /** By name: [count, 1 or 3, height, width], bytes. */
  readonly sets: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Uint8Array }>;
}
