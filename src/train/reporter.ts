import type { Items } from '../data/items.js';
import { describeSample } from '../data/stratified-sample.js';
import type { Position } from '../run/checkpoint.js';
import type { DoneEvent, Measurement, Observer, StepEvent } from '../run/events.js';
import { accuracies, sampledFrom } from '../run/position.js';
import type { RunFolder } from '../run/run-folder.js';
import { flatNote } from './trouble/divergence.js';

export interface ReporterParts {
  readonly folder: RunFolder;
  readonly observer: Observer;
  readonly stepsTotal: number;
  /** What the test set consists of. */
  readonly items: Items;
  /** Whether the paper has a training of its own. */
  readonly own: boolean;
  /** Advice while the loss stays at chance level, for recipes known to start slowly. */
  readonly slowStart?: string | undefined;
}

/** Measurements of a step besides its result. */
export type Measured = Pick<StepEvent, 'loss' | 'lr' | 'stepSeconds' | 'dataSeconds'> & {
  readonly images: number;
  /** Only if gradients are clipped by norm. */
  readonly gradNorm: number | undefined;
  /** Only of several ranks. */
  readonly team: Pick<StepEvent, 'ranks' | 'waitShare' | 'exchangeShare' | 'slowestRank'> | undefined;
  readonly metrics: Readonly<Record<string, number>>;
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
    const { folder, observer, stepsTotal, own } = this.#parts;
    const { loss, lr, images, stepSeconds, dataSeconds, gradNorm, team, metrics } = measured;
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
      ...(own ? { metrics } : {}),
    };
    await folder.log(event);
    observer.step?.(event, { stepsTotal });
  }

  /** The mean loss of the last `logEvery` batches. */
  meanLoss({ epoch, batch, step }: Position, mean: number): void {
    this.say('line', step, `[${epoch + 1}, ${batch}] loss: ${mean.toFixed(3)}`);
  }

  /** Reports a loss at chance level. @param subject such as `The loss on the test images is` */
  flat(step: number, subject: string, chanceLoss: number): void {
    this.say('note', step, flatNote(subject, chanceLoss, this.#parts.slowStart));
  }

  /**
   * Reports the end of the run, with its last evaluation.
   * @param flatAt the loss at chance level, if that of the evaluation is
   */
  async done(
    step: number,
    { last, flatAt, seconds }: { last: Measurement | undefined; flatAt: number | undefined; seconds: number },
  ): Promise<DoneEvent> {
    const { folder } = this.#parts;
    this.say('line', step, 'Finished Training');
    const sample = last && describeSample(last.images, sampledFrom(last).testTotal, this.#parts.items);
    const of = sample ? ` (${sample})` : '';
    if (last?.accuracy !== undefined)
      this.say('line', step, `Accuracy on test set: ${trim(last.accuracy)}%${of}`);
    const metrics = Object.entries(last?.metrics ?? {}).map(([name, value]) => `${name} ${trim(value, 4)}`);
    if (metrics.length > 0) this.say('line', step, `On the test set: ${metrics.join(', ')}${of}`);
    if (flatAt !== undefined) this.flat(step, 'The loss on the test images is', flatAt);
    const done: DoneEvent = {
      event: 'done',
      run: folder.path,
      step,
      ...accuracies(last),
      testImages: last?.images ?? 0,
      ...(last ? sampledFrom(last) : {}),
      seconds,
    };
    await folder.log(done);
    return done;
  }
}

/** 41.7 rather than 41.70, and 40 rather than 40.00. */
export const trim = (value: number, digits = 2): string => String(Number(value.toFixed(digits)));
