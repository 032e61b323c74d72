import type { Position } from './checkpoint.js';
import type { Evaluation } from './evaluate.js';
import type { EpochEvent } from './events.js';

/** Where every run begins. */
export const START: Position = {
  epoch: 0,
  batch: 0,
  step: 0,
  running: [],
  epochLoss: 0,
  epochCorrect: 0,
  epochImages: 0,
};

/** What a step has computed from its batch. */
export interface StepResult {
  /** Number of the batch in its epoch, from 0. */
  readonly index: number;
  readonly loss: number;
  readonly correct: number;
  readonly images: number;
}

/** The place after one more step. */
export const afterStep = (p: Position, { index, loss, correct, images }: StepResult): Position => ({
  epoch: p.epoch,
  batch: index + 1,
  step: p.step + 1,
  running: [...p.running, loss],
  epochLoss: p.epochLoss + loss * images,
  epochCorrect: p.epochCorrect + correct,
  epochImages: p.epochImages + images,
});

/** The place at the beginning of the next epoch. */
export const afterEpoch = ({ epoch, step }: Position): Position => ({ ...START, epoch: epoch + 1, step });

/** What the epoch at `p` has come to, with its evaluation. */
export const epochEvent = (p: Position, result: Evaluation, seconds: number): EpochEvent => ({
  event: 'epoch',
  epoch: p.epoch + 1,
  step: p.step,
  trainLoss: p.epochLoss / p.epochImages,
  trainAccuracy: (100 * p.epochCorrect) / p.epochImages,
  testLoss: result.loss,
  testAccuracy: result.accuracy,
  testTop5: result.top5,
  testImages: result.images,
  seconds,
});
