import { counted, grouped } from '../errors/counted.js';
import type { TrainConfig } from '../run/config.js';

const round = (rate: number): number => Number(rate.toPrecision(3));

/**
 * Describes what a change of `--epochs` or `--max-steps` means for the learning rate of a resumed run.
 *
 * @param rate learning rate of the next step
 */
export function describeLonger(
  { schedule, lr }: Pick<TrainConfig, 'schedule' | 'lr'>,
  { before, now, rate }: { readonly before: number; readonly now: number; readonly rate: number },
): string {
  const steps = `The run now ends after ${counted(now, 'step')} instead of ${grouped(before)}.`;
  switch (schedule.kind) {
    case 'constant':
      return `${steps} The learning rate stays ${round(rate)}.`;
    case 'plateau':
      return `${steps} The learning rate continues from ${round(rate)} and still falls when the accuracy stops rising.`;
    case 'milestones':
      return `${steps} The learning rate continues from ${round(rate)} and still falls after epochs ${schedule.epochs.join(', ')}, independent of the length of the run.`;
    case 'step':
      return `${steps} The learning rate continues from ${round(rate)} and still falls every ${counted(schedule.epochs, 'epoch')}, independent of the length of the run.`;
    case 'exponential':
      return `${steps} The learning rate continues from ${round(rate)} and still falls after each epoch, independent of the length of the run.`;
    case 'annealing':
    case 'one-cycle':
      return `${steps} The schedule of the learning rate is stretched to the new end: the next step has ${round(rate)} of ${round(lr)}. For weights as those of one long run, start a new run of that length.`;
    case 'warmup-decay': {
      const { decaySteps } = schedule;
      return `${steps} The decay of the learning rate moves to the new end: the next step has ${round(rate)} of ${round(lr)}, and the rate falls to 0 over the last ${counted(Math.min(decaySteps, now), 'step')}, though it may have fallen once before. For weights as those of one long run, start a new run of that length.`;
    }
  }
}
