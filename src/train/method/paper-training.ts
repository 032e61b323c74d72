import type { AnySet } from '../../data/dataset.js';
import type { Transform } from '../../data/transforms/index.js';
import type { World } from '../../distributed/index.js';
import { checkOptionNames, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { callOwn } from '../../errors/own-code.js';
import type { Module } from '../../nn/module.js';
import { MAIN } from '../../run/checkpoint.js';
import type { TrainConfig } from '../../run/config.js';
import { Tensor } from '../../tensor/tensor.js';
import { makeOptimizer, makeSchedule } from '../optimizer.js';
import { checkTraining } from './check-training.js';
import type { LoaderParts } from './loading.js';
import { measureFirst, measureModel } from './measure-model.js';
import type { Method } from './method.js';
import { scoreOf } from './score.js';
import type { LossAndMetrics, Observation, Training } from './training.js';
import { checkScalar } from './updates.js';

export interface OwnParts {
  readonly paper: string;
  readonly config: TrainConfig;
  readonly model: Module;
  readonly testSet: AnySet;
  readonly testTransform: Transform | undefined;
  readonly testLoading: LoaderParts;
  readonly stepsTotal: number;
  readonly world?: World | undefined;
}

/** The method of a paper that defines `training`. @throws UsageError for parts that do not fit */
export function ownMethod(training: Training, parts: OwnParts): Method {
  const { paper, config, model, testSet, testTransform, testLoading: loading, stepsTotal, world } = parts;
  checkTraining(`training() of ${paper}`, training);
  const refuse = (what: string, expected: string, got: string): never => {
    throw new UsageError({ what: `The training of ${paper}: ${what}`, expected, got });
  };
  const { optimizers: own, schedules, best = { metric: 'loss', mode: 'min' } as const } = training;
  if (own && config.ema !== undefined)
    refuse(
      '--ema',
      'the optimizer of the configuration, whose weights are averaged',
      'optimizers of its own',
    );
  if (config.labelSmoothing)
    refuse('--label-smoothing', 'a paper with cross-entropy as its loss', 'its own loss');
  const main = own ? undefined : makeOptimizer(model, config);
  const timed = main && makeSchedule(main, config, stepsTotal);
  const { batchSize, seed } = config;
  const { measure, samples } = ownObservation(training, paper);
  const common = { model, testSet, testTransform, loading, batchSize, seed, world, paper };
  const measurer = measure && { ...common, measure };
  return {
    optimizers: own ?? { [MAIN]: main! },
    schedules: schedules ?? (timed ? [timed] : []),
    step: ownStep(training, paper),
    ...(measurer
      ? {
          evaluate: (options) => measureModel(measurer, options),
          rehearse: async (signal) => void scoreOf(await measureFirst(measurer, signal), best),
          best,
        }
      : {}),
    ...(samples ? { samples } : {}),
  };
}

/** The step of a paper, of its own or with its loss. */
function ownStep(training: Training, paper: string): Method['step'] {
  const { step, loss: lossOf } = training;
  if (step)
    return (batch, context) => callOwn(`step() of ${paper}`, () => step.call(training, batch, context));
  const name = `loss() of ${paper}`;
  return (batch, context) => {
    const result: unknown = callOwn(name, () => lossOf!.call(training, batch, context));
    callOwn(name, () => {
      const { loss, metrics = {} } = lossIn(result);
      context.update(loss, { metrics });
    });
  };
}

/** @throws UsageError or ShapeError for a result without a loss, such as that of a forgotten return */
function lossIn(result: unknown): LossAndMetrics {
  const isTensor = result instanceof Tensor;
  if (!isTensor && (typeof result !== 'object' || result === null || !('loss' in result)))
    throw new UsageError({
      what: 'it returned no loss',
      expected: 'the mean loss of the batch, a tensor of one element, or { loss, metrics }',
      got: shown(result),
      next:
        result instanceof Promise
          ? 'make it a function without async, or write a step, which may wait'
          : 'return the loss',
    });
  if (!isTensor) checkOptionNames('what it returned', result, ['loss', 'metrics']);
  const made = isTensor ? { loss: result } : (result as LossAndMetrics);
  checkScalar('it returned a bad loss', made.loss, true);
  return made;
}

/** The measure and samples of a paper, whose errors name them. */
export function ownObservation(own: Observation, paper: string): Pick<Training, 'measure' | 'samples'> {
  const { measure, samples } = own;
  return {
    ...(measure
      ? {
          measure: (batch, context) =>
            callOwn(`measure() of ${paper}`, () => measure.call(own, batch, context)),
        }
      : {}),
    ...(samples
      ? { samples: (context) => callOwn(`samples() of ${paper}`, () => samples.call(own, context)) }
      : {}),
  };
}
