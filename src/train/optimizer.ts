import { isFloat } from '../graph/types.js';
import type { Module } from '../nn/module.js';
import { WeightAverage } from '../optim/average.js';
import { hasOption, OPTIMIZERS, type OptimizerKind, type OptimizerName } from '../optim/by-name.js';
import type { Optimizer } from '../optim/optimizer.js';
import {
  ExponentialLR,
  MultiStepLR,
  OneCycleLR,
  ReduceLROnPlateau,
  type Schedule,
  StepLR,
  WarmupDecay,
} from '../optim/schedules/index.js';
import type { TrainConfig } from '../run/config.js';
import type { Parameter } from '../tensor/parameter.js';
import { lrScales } from './module-patterns.js';

/** The settings from which the optimizer is made. */
type OptimizerConfig = Omit<TrainConfig, 'model' | 'dataset' | 'data'>;

/** The settings of an optimizer by its own defaults; the rate only if it has a default. */
export function defaultSettings(
  name: OptimizerName,
): Pick<TrainConfig, 'momentum' | 'weightDecay'> & { lr?: number } {
  const { lr, momentum, weightDecay } = {
    lr: undefined,
    momentum: 0,
    ...OPTIMIZERS[name].defaults,
  };
  return { ...(lr === undefined ? {} : { lr }), momentum, weightDecay };
}

function optionsOf({ lr, momentum, weightDecay, sgd, optimizer, optimizerOptions }: OptimizerConfig): object {
  const name = optimizer ?? 'sgd';
  return {
    ...(hasOption(name, 'momentum') ? { momentum } : {}),
    ...(name === 'sgd' ? { rateInVelocity: sgd === 'rate-in-velocity' } : {}),
    ...optimizerOptions,
    lr,
    weightDecay,
  };
}

const kindOf = ({ optimizer = 'sgd' }: OptimizerConfig): OptimizerKind => OPTIMIZERS[optimizer];

/** Checks a configuration before there is a model on a device. @throws UsageError */
export function checkOptimizerConfig(model: Module, config: OptimizerConfig): void {
  lrScales(model, config);
  kindOf(config).check(optionsOf(config) as never);
}

/**
 * Creates the optimizer of a configuration. The model must be on its device, with modules already frozen.
 * @throws UsageError for an lrScale that matches no module
 */
export function makeOptimizer(model: Module, config: OptimizerConfig): Optimizer {
  const { weightDecay, decayBiases = true, ema } = config;
  const scales = lrScales(model, config);
  const named = model.namedParameters();
  const decays = (parameter: Parameter) => decayBiases || weightDecay === 0 || parameter.shape.length > 1;
  const scaleOf = (parameter: Parameter) => scales.get(parameter) ?? 1;
  // Parameters without a factor come first: the logged learning rate is that of the first group.
  const factors = [...new Set(named.map(([, p]) => scaleOf(p)))].sort(
    (a, b) => Number(b === 1) - Number(a === 1),
  );
  const groups = factors.flatMap((lrScale) =>
    [true, false].map((decay) => ({
      params: named.filter(([, p]) => scaleOf(p) === lrScale && decays(p) === decay),
      lrScale,
      ...(decay ? {} : { weightDecay: 0 }),
    })),
  );
  const optimizer = new (kindOf(config))(
    groups.filter(({ params }) => params.length > 0),
    optionsOf(config) as never,
  );
  if (ema !== undefined) optimizer.average = new WeightAverage(learning(model), ema);
  return optimizer;
}

/** Parameters and running statistics that change in training, without those of frozen modules and without integers. */
function learning(model: Module): [string, Parameter][] {
  const frozen = new Set(
    model.namedModules().flatMap(([, module]) => (module.frozen ? [...module.stateDict().values()] : [])),
  );
  return [...model.namedParameters(), ...model.namedBuffers()].filter(
    ([, p]) => !frozen.has(p) && isFloat(p.dtype),
  );
}

/** A schedule, and whether it is stepped per step or per epoch. */
export interface TimedSchedule {
  readonly schedule: Schedule;
  readonly every: 'step' | 'epoch';
}

/** Creates the schedule of a configuration; undefined for a constant learning rate. */
export function makeSchedule(
  optimizer: Optimizer,
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
    case 'step': {
      const { epochs, factor } = schedule;
      return { schedule: new StepLR(optimizer, { stepSize: epochs, gamma: factor }), every: 'epoch' };
    }
    case 'exponential':
      return { schedule: new ExponentialLR(optimizer, { gamma: schedule.factor }), every: 'epoch' };
    case 'annealing': {
      const { shape } = schedule;
      const warmupSteps = Math.min(schedule.warmupSteps, totalSteps);
      return { schedule: new WarmupDecay(optimizer, { totalSteps, warmupSteps, shape }), every: 'step' };
    }
    case 'one-cycle': {
      // A momentum that the optimizer does not have, or does not use, is not cycled.
      const cycleMomentum = optimizer.paramGroups.every(
        (group) => 'betas' in group || ('momentum' in group && group.momentum !== 0),
      );
      const { pctStart } = schedule;
      return {
        schedule: new OneCycleLR(optimizer, { maxLr: lr, totalSteps, pctStart, cycleMomentum }),
        every: 'step',
      };
    }
    case 'warmup-decay': {
      const { warmupSteps, decaySteps, shape } = schedule;
      // In a run too short for warm-up and decay, both are shortened.
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
