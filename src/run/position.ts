import type { Position } from './checkpoint.js';
import type { EpochEvent, Measurement } from './events.js';

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
export interface StepOutcome {
  /** Index of its last batch in the epoch, from 0. */
  readonly index: number;
  /** Mean loss over the images of the step. */
  readonly loss: number;
  readonly correct: number;
  readonly images: number;
  /** Means over the images of the step; those that are NaN or infinite are left out. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** The position after one more step. */
export const afterStep = (p: Position, { index, loss, correct, images, metrics }: StepOutcome): Position => ({
  epoch: p.epoch,
  batch: index + 1,
  step: p.step + 1,
  running: [...p.running, loss],
  epochLoss: p.epochLoss + loss * images,
  epochCorrect: p.epochCorrect + correct,
  epochImages: p.epochImages + images,
  ...summed(p, metrics, images),
  ...lasting(p),
});

const summed = (
  { epochMetrics: before = {} }: Position,
  metrics: StepOutcome['metrics'],
  images: number,
): Pick<Position, 'epochMetrics'> => {
  const sums = Object.entries(metrics).map(([name, mean]) => {
    const { sum, images: count } = before[name] ?? { sum: 0, images: 0 };
    return [name, { sum: sum + mean * images, images: count + images }];
  });
  const all = { ...before, ...Object.fromEntries(sums) };
  return Object.keys(all).length === 0 ? {} : { epochMetrics: all };
};

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
export const sampledFrom = ({
  sampled,
  total,
}: Pick<Measurement, 'sampled' | 'total'>): { testTotal?: number } =>
  sampled < total ? { testTotal: total } : {};

/** The event for the end of the epoch at `p`. @param result undefined for a run that is not measured */
export const epochEvent = (p: Position, result: Measurement | undefined, seconds: number): EpochEvent => ({
  event: 'epoch',
  epoch: p.epoch + 1,
  step: p.step,
  trainLoss: p.epochLoss / p.epochImages,
  ...(result?.accuracy === undefined ? {} : { trainAccuracy: (100 * p.epochCorrect) / p.epochImages }),
  ...(p.epochMetrics ? { trainMetrics: meansOf(p.epochMetrics) } : {}),
  ...(result?.loss === undefined ? {} : { testLoss: result.loss }),
  ...accuracies(result),
  testImages: result?.images ?? 0,
  ...(result ? sampledFrom(result) : {}),
  seconds,
});

const meansOf = (sums: NonNullable<Position['epochMetrics']>) =>
  Object.fromEntries(Object.entries(sums).map(([name, { sum, images }]) => [name, sum / images]));

/** What was measured, under the names of events. */
export const accuracies = (
  result: Measurement | undefined,
): Pick<EpochEvent, 'testAccuracy' | 'testTop5' | 'testMetrics'> => ({
  ...(result?.accuracy === undefined ? {} : { testAccuracy: result.accuracy }),
  ...(result?.top5 === undefined ? {} : { testTop5: result.top5 }),
  ...(result?.metrics === undefined ? {} : { testMetrics: result.metrics }),
});
