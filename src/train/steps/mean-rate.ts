import type { StepEvent } from '../../run/events.js';

type Timed = Pick<StepEvent, 'imagesPerSecond' | 'stepSeconds'>;

/** Seconds of all steps, and their images per second on average: all images divided by all seconds. */
export function meanRate(steps: readonly Timed[]): { seconds: number; imagesPerSecond: number } {
  const seconds = steps.reduce((sum, { stepSeconds }) => sum + stepSeconds, 0);
  const images = steps.reduce((sum, step) => sum + step.imagesPerSecond * step.stepSeconds, 0);
  return { seconds, imagesPerSecond: seconds > 0 ? images / seconds : 0 };
}
