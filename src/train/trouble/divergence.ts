import { DivergedError } from '../../errors/errors.js';
import type { Position } from '../../run/checkpoint.js';
import type { TrainConfig } from '../../run/config.js';

/** Number of consecutive bad steps at which `skip` ends the run. */
export const MAX_SKIPS = 10;
/** Maximum number of rollbacks of a run. */
const MAX_ROLLBACKS = 3;
/** Factor of the learning rate at each rollback. */
export const ROLLBACK_FACTOR = 0.25;

/** A loss within this distance of ln(classes) is at chance level: the network has not begun to learn. */
const FLAT = 0.005;
/** Default number of steps at chance level after which a message is printed. */
export const FLAT_STEPS = 100;

/** A step with NaN or infinity, and where it first occurred. */
export interface Bad {
  readonly step: number;
  /** Such as `features.3 (Conv2d): its output has 12 infinities`; undefined if not found. */
  readonly where: string | undefined;
  readonly got: string;
}

/** Decision of a policy about a bad step. */
export type Verdict = 'skip' | 'rollback' | { readonly stop: string };

/** @param skippable false if the weights are already bad, so that skipping a step cannot help */
export function verdictOn(
  policy: NonNullable<TrainConfig['onNan']>,
  { skipped = 0, rollbacks = 0 }: Pick<Position, 'skipped' | 'rollbacks'>,
  skippable: boolean,
): Verdict {
  const again = 'start again with a lower --lr, or with --clip-norm 1';
  if (policy === 'stop') return { stop: `${again}; --on-nan rollback continues automatically` };
  if (policy === 'rollback')
    return rollbacks < MAX_ROLLBACKS
      ? 'rollback'
      : { stop: `the learning rate was already lowered ${MAX_ROLLBACKS} times: ${again}` };
  if (!skippable) return { stop: `skipping a step cannot fix this: ${again}` };
  return skipped < MAX_SKIPS
    ? 'skip'
    : { stop: `${MAX_SKIPS} steps in a row were already skipped: ${again}` };
}

/** @param checkpoint path of the last good one, if any */
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

/** @param loss undefined if it is not known, like `chanceLoss` */
export const isFlat = (loss: number | undefined, chanceLoss: number | undefined): boolean =>
  loss !== undefined && chanceLoss !== undefined && Math.abs(loss - chanceLoss) < FLAT;

/**
 * Message for a loss at chance level: a network that has not begun to learn yet looks like a broken one.
 * @param slowStart advice, if the recipe is known to start slowly
 */
export const flatNote = (
  subject: string,
  chanceLoss: number,
  slowStart = 'If it stays there, try another learning rate or initialisation.',
): string =>
  `${subject} at chance level (ln ${Math.round(Math.exp(chanceLoss))} = ${chanceLoss.toFixed(3)}). ${slowStart}`;
