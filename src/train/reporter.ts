import { describeSample } from '../data/sample.js';
import type { Position } from '../run/checkpoint.js';
import type { DoneEvent, Evaluation, Observer, StepEvent } from '../run/events.js';
import { sampledFrom } from '../run/position.js';
import type { RunFolder } from '../run/run-folder.js';
import { flatNote, isFlat } from './trouble/divergence.js';

export interface ReporterParts {
  readonly folder: RunFolder;
  readonly observer: Observer;
  /** Number of classes. */
  readonly classes: number;
  readonly stepsTotal: number;
  /** Advice while the loss stays at chance level, for recipes known to start slowly. */
  readonly slowStart?: string | undefined;
}

/** Measurements of a step besides its result. */
export type Measured = Pick<StepEvent, 'loss' | 'lr' | 'stepSeconds' | 'dataSeconds'> & {
  readonly images: number;
  /** Only if gradients are clipped by norm. */
  readonly gradNorm: number | undefined;
  /** Only of several ranks. */
  readonly team: Pick<StepEvent, 'ranks' | 'waitShare' | 'slowestRank'> | undefined;
};

/** Reports what a run does: events for its folder and for observers, and printed lines. */
export class Reporter {
  readonly #parts: ReporterParts;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  /** Sends a message to observers and to the log of the run. */
  say(event: 'line' | 'note', step: number, text: string): void {
    this.#parts.folder.say({ event, step, text });
    this.#parts.observer[event]?.(text);
  }

  /**
   * Reports a completed step.
   * @param before position before the step
   * @param after position after the step
   */
  async step(before: Position, after: Position, measured: Measured): Promise<void> {
    const { folder, observer, stepsTotal } = this.#parts;
    const { loss, lr, images, stepSeconds, dataSeconds, gradNorm, team } = measured;
    const event: StepEvent = {
      event: 'step',
      epoch: before.epoch + 1,
      step: after.step,
      loss,
      lr,
      imagesPerSecond: images / stepSeconds,
      stepSeconds,
      dataSeconds,
      rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
      ...(gradNorm === undefined ? {} : { gradNorm }),
      ...team,
    };
    await folder.log(event);
    observer.step?.(event, { stepsTotal });
  }

  /** The mean loss of the last `logEvery` batches. */
  meanLoss({ epoch, batch, step }: Position, mean: number): void {
    this.say('line', step, `[${epoch + 1}, ${batch}] loss: ${mean.toFixed(3)}`);
  }

  /** Reports a loss at chance level. @param subject such as `The loss on the test images is` */
  flat(step: number, subject: string): void {
    const { classes, slowStart } = this.#parts;
    this.say('note', step, flatNote(subject, classes, slowStart));
  }

  /** Reports the end of the run, with its last evaluation. */
  async done(step: number, last: Evaluation, seconds: number): Promise<DoneEvent> {
    const { folder, classes } = this.#parts;
    this.say('line', step, 'Finished Training');
    const sample = describeSample(last.images, sampledFrom(last).testTotal);
    this.say('line', step, `Accuracy on test set: ${trim(last.accuracy)}%${sample ? ` (${sample})` : ''}`);
    if (isFlat(last.loss, classes)) this.flat(step, 'The loss on the test images is');
    const done: DoneEvent = {
      event: 'done',
      run: folder.path,
      step,
      testAccuracy: last.accuracy,
      testTop5: last.top5,
      testImages: last.images,
      ...sampledFrom(last),
      seconds,
    };
    await folder.log(done);
    return done;
  }
}

/** 41.7 rather than 41.70, and 40 rather than 40.00. */
export const trim = (percent: number): string => String(Number(percent.toFixed(2)));
