import type { Module } from '../nn/module.js';
import { MultiStepLR, ReduceLROnPlateau, type Schedule, WarmupDecay } from '../optim/schedules.js';
import { SGD } from '../optim/sgd.js';
import type { TrainConfig } from './config.js';

/** The optimizer that a configuration describes. */
export function makeOptimizer(
  model: Module,
  { lr, momentum, weightDecay, decayBiases = true, sgd = 'pytorch' }: TrainConfig,
): SGD {
  const options = { lr, momentum, weightDecay, rateInVelocity: sgd === 'paper' };
  const named = model.namedParameters();
  if (decayBiases || weightDecay === 0) return new SGD(named, options);
  const isWeight = ([, parameter]: (typeof named)[number]): boolean => parameter.shape.length > 1;
  return new SGD(
    [
      { params: named.filter(isWeight) },
      { params: named.filter((entry) => !isWeight(entry)), weightDecay: 0 },
    ],
    options,
  );
}

/** A schedule, and when it is to be stepped. */
export interface TimedSchedule {
  readonly schedule: Schedule;
  readonly every: 'step' | 'epoch';
}

/** The schedule that a configuration describes; undefined for a constant rate. */
export function makeSchedule(
  optimizer: SGD,
  { schedule, lr }: TrainConfig,
  totalSteps: number,
): TimedSchedule | undefined {
  switch (schedule.kind) {
    case 'constant':
      return undefined;
    case 'plateau': {
      const { factor, patience, drops } = schedule;
      const minLr = lr * factor ** drops;
      return {
        schedule: new ReduceLROnPlateau(optimizer, {
          mode: 'max',
          factor,
          patience,
          minLr,
          eps: minLr / 100,
        }),
        every: 'epoch',
      };
    }
    case 'milestones': {
      const { epochs, factor } = schedule;
      return { schedule: new MultiStepLR(optimizer, { milestones: epochs, gamma: factor }), every: 'epoch' };
    }
    case 'warmup-decay': {
      const { warmupSteps, decaySteps, shape } = schedule;
      // In a run too short for both, both are shorter.
      const part = Math.min(1, totalSteps / (warmupSteps + decaySteps));
      return {
        schedule: new WarmupDecay(optimizer, {
          totalSteps,
          warmupSteps: Math.floor(part * warmupSteps),
          decaySteps: Math.floor(part * decaySteps),
          shape,
        }),
        every: 'step',
      };
    }
  }
}
