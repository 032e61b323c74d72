import type { Position } from './checkpoint.js';
import type { EpochEvent, Evaluation } from './events.js';

/** Position at the start of a run. */
export const START: Position = {
  epoch: 0,
  batch: 0,
  step: 0,
  running: [],
  epochLoss: 0,
  epochCorrect: 0,
  epochImages: 0,
};

/** Result of a step. */
export interface StepResult {
  /** Index of its last batch in the epoch, from 0. */
  readonly index: number;
  /** Mean loss over the images of the step. */
  readonly loss: number;
  readonly correct: number;
  readonly images: number;
}

/** The position after one more step. */
export const afterStep = (p: Position, { index, loss, correct, images }: StepResult): Position => ({
  epoch: p.epoch,
  batch: index + 1,
  step: p.step + 1,
  running: [...p.running, loss],
  epochLoss: p.epochLoss + loss * images,
  epochCorrect: p.epochCorrect + correct,
  epochImages: p.epochImages + images,
  ...lasting(p),
});

/** The position after a skipped step. */
export const afterSkip = (p: Position, index: number): Position => ({
  ...p,
  batch: index + 1,
  step: p.step + 1,
  skipped: (p.skipped ?? 0) + 1,
});

/** Fields that neither a step nor an epoch resets. */
const lasting = ({ rollbacks, flat }: Position): Partial<Position> => ({
  ...(rollbacks === undefined ? {} : { rollbacks }),
  ...(flat === undefined ? {} : { flat }),
});

/** The position at the beginning of the next epoch. */
export const afterEpoch = (p: Position): Position => ({
  ...START,
  epoch: p.epoch + 1,
  step: p.step,
  ...(p.skipped ? { skipped: p.skipped } : {}),
  ...lasting(p),
});

/** The size of the test set, if only a sample of it was evaluated. */
export const sampledFrom = ({ sampled, total }: Evaluation): { testTotal?: number } =>
  sampled < total ? { testTotal: total } : {};

/** The event for the end of the epoch at `p`. */
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
  ...sampledFrom(result),
  seconds,
});
