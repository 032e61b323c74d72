import { PaperweightError } from '../../errors/errors.js';
import type { Position } from '../../run/checkpoint.js';
import type { TrainConfig } from '../../run/config.js';

/** `skip` ends the run at so many bad steps in a row. */
export const MAX_SKIPS = 10;
/** `rollback` ends the run when it would go back once more than this. */
const MAX_ROLLBACKS = 3;
/** `rollback` multiplies the learning rate by this each time. */
export const ROLLBACK_FACTOR = 0.25;

/** Loss of a net that gives every class the same probability, to within this much, has not begun to learn. */
const FLAT = 0.005;
/** Steps of which such a loss is said to be a dead start. */
export const FLAT_STEPS = 100;

/** A loss, a gradient or a weight of a run is no longer a finite number. */
export class DivergedError extends PaperweightError {
  static {
    DivergedError.prototype.name = 'DivergedError';
  }
}

/** What went wrong, and where it was first seen. */
export interface Bad {
  readonly step: number;
  /** Such as `features.3 (Conv2d): its output has 12 infinities`; undefined where nothing could be found. */
  readonly where: string | undefined;
  readonly got: string;
}

/** What a policy makes of something bad. */
export type Verdict = 'skip' | 'rollback' | { readonly stop: string };

/** @param skippable false for what is no step's fault, such as weights that are bad already */
export function verdictOn(
  policy: NonNullable<TrainConfig['onNan']>,
  { skipped = 0, rollbacks = 0 }: Pick<Position, 'skipped' | 'rollbacks'>,
  skippable: boolean,
): Verdict {
  const again = 'start again with a lower --lr, or with --clip-norm 1';
  if (policy === 'stop') return { stop: `${again}; --on-nan rollback goes on by itself` };
  if (policy === 'rollback')
    return rollbacks < MAX_ROLLBACKS
      ? 'rollback'
      : { stop: `the rate was lowered ${MAX_ROLLBACKS} times already: ${again}` };
  if (!skippable) return { stop: `leaving a step out cannot mend this: ${again}` };
  return skipped < MAX_SKIPS
    ? 'skip'
    : { stop: `${MAX_SKIPS} steps in a row were left out already: ${again}` };
}

/** @param checkpoint path of the last good one, where there is one */
export const diverged = (
  { step, where, got }: Bad,
  next: string,
  checkpoint: string | undefined,
): DivergedError =>
  new DivergedError({
    what: `Training diverged at step ${step}${where ? `: ${where}` : ''}`,
    expected: 'a finite loss, finite gradients and finite weights',
    got,
    next: `${next}. ${checkpoint ? `The last good checkpoint is ${checkpoint}` : 'There is no checkpoint yet'}`,
  });

export const isFlat = (loss: number, classes: number): boolean => Math.abs(loss - Math.log(classes)) < FLAT;

/**
 * A net that has not begun to learn looks like one that is broken: says which it may be.
 * @param slowStart what is known of the recipe
 */
export const flatNote = (
  subject: string,
  classes: number,
  slowStart = 'If it stays there, try another learning rate or initialisation.',
): string => `${subject} that of guessing (ln ${classes} = ${Math.log(classes).toFixed(3)}). ${slowStart}`;
