import type { Position } from '../../run/checkpoint.js';
import { FLAT_STEPS, isFlat } from './divergence.js';

/** Whether the loss has stayed at chance level since the first step. */
export interface FlatLoss {
  /** The last step up to which it has, stored in `Position.flat`; -1 once the loss has changed. */
  readonly flat: number;
  /** Whether to tell the user now; true once per run. */
  readonly due: boolean;
}

/**
 * @param mean loss since the last call
 * @param flatSteps number of steps at chance level after which to tell the user
 */
export function flatLoss(
  { step, flat = 0 }: Position,
  mean: number,
  chanceLoss: number | undefined,
  flatSteps = FLAT_STEPS,
): FlatLoss {
  if (flat < 0 || !isFlat(mean, chanceLoss)) return { flat: -1, due: false };
  return { flat: step, due: flat < flatSteps && step >= flatSteps };
}
