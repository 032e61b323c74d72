import type { Position } from '../../run/checkpoint.js';
import { FLAT_STEPS, isFlat } from './divergence.js';

/** Whether a run has been at the loss of chance from its first step on. */
export interface FlatLoss {
  /** The last step up to which it has, as `Position.flat` holds it; -1 once the loss has moved. */
  readonly flat: number;
  /** Whether it has just been so for long enough to be told; once a run. */
  readonly due: boolean;
}

/**
 * @param mean of the loss since the last look
 * @param flatSteps steps at the loss of chance after which that is told
 */
export function flatLoss(
  { step, flat = 0 }: Position,
  mean: number,
  classes: number,
  flatSteps = FLAT_STEPS,
): FlatLoss {
  if (flat < 0 || !isFlat(mean, classes)) return { flat: -1, due: false };
  return { flat: step, due: flat < flatSteps && step >= flatSteps };
}
