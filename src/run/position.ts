import type { Position } from './checkpoint.js';
import type { EpochEvent, Evaluation } from './events.js';

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

/** What a step has computed from its batches. */
export interface StepResult {
  /** Number of its last batch in the epoch, from 0. */
  readonly index: number;
  /** Mean over its images. */
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
  ...lasting(p),
});

/** The place after a step that was left out. */
export const afterSkip = (p: Position, index: number): Position => ({
  ...p,
  batch: index + 1,
  step: p.step + 1,
  skipped: (p.skipped ?? 0) + 1,
});

/** What outlives steps and epochs. */
const lasting = ({ rollbacks, flat }: Position): Partial<Position> => ({
  ...(rollbacks === undefined ? {} : { rollbacks }),
  ...(flat === undefined ? {} : { flat }),
});

/** The place at the beginning of the next epoch. */
export const afterEpoch = (p: Position): Position => ({
  ...START,
  epoch: p.epoch + 1,
  step: p.step,
  ...(p.skipped ? { skipped: p.skipped } : {}),
  ...lasting(p),
});

/** The size of the test set, where only a sample of it was measured. */
export const sampledFrom = ({ sampled, total }: Evaluation): { testTotal?: number } =>
  sampled < total ? { testTotal: total } : {};

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
  ...sampledFrom(result),
  seconds,
});
