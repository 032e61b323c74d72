/** What a run tells while it goes on: the lines of `metrics.jsonl` and of `train --json`. */
export interface StepEvent {
  readonly event: 'step';
  /** From 1, as the notes print it. */
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
  readonly seconds: number;
}

export interface DoneEvent {
  readonly event: 'done';
  readonly run: string;
  readonly step: number;
  readonly testAccuracy: number;
  readonly testTop5: number;
  readonly testImages: number;
  readonly seconds: number;
}

/** Whoever watches a run. All methods are called in order, from the training loop. */
export interface Observer {
  /** The notes' own lines. */
  line?(text: string): void;
  /** Something that a person should know, such as a net that does not start to learn. */
  note?(text: string): void;
  step?(event: StepEvent, progress: { readonly stepsTotal: number }): void;
  epoch?(event: EpochEvent): void;
  evaluating?(images: number, total: number): void;
  checkpoint?(file: string): void;
}
