import { checkInteger, checkOptionNames, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { checkFactors, type HasRates } from './schedule.js';
import { Timed } from './timed.js';

/**
 * lr = base · gamma^⌊count / stepSize⌋.
 *
 * @example
 * const schedule = new StepLR(optimizer, { stepSize: 30 }); // a tenth every 30 epochs
 */
export class StepLR extends Timed {
  readonly stepSize: number;
  readonly gamma: number;

  constructor(optimizer: HasRates, options: { stepSize: number; gamma?: number }) {
    super(optimizer);
    checkOptionNames('StepLR', options, ['stepSize', 'gamma']);
    const { stepSize, gamma = 0.1 } = options;
    checkFactors('StepLR', { gamma });
    checkInteger('StepLR', 'stepSize', stepSize, { least: 1 });
    this.stepSize = stepSize;
    this.gamma = gamma;
    this.apply();
  }

  protected rate(base: number, count: number): number {
    return base * this.gamma ** Math.floor(count / this.stepSize);
  }
}

/** lr = base · gamma^(number of milestones reached). */
export class MultiStepLR extends Timed {
  readonly milestones: readonly number[];
  readonly gamma: number;

  constructor(optimizer: HasRates, options: { milestones: readonly number[]; gamma?: number }) {
    super(optimizer);
    checkOptionNames('MultiStepLR', options, ['milestones', 'gamma']);
    const { milestones, gamma = 0.1 } = options;
    checkFactors('MultiStepLR', { gamma });
    if (!Array.isArray(milestones))
      throw new UsageError({
        what: 'MultiStepLR got bad milestones',
        expected: 'a list of steps, such as [30, 60]',
        got: shown(milestones),
      });
    for (const milestone of milestones) checkInteger('MultiStepLR', 'milestone', milestone, { least: 0 });
    this.milestones = [...milestones];
    this.gamma = gamma;
    this.apply();
  }

  protected rate(base: number, count: number): number {
    return base * this.gamma ** this.milestones.filter((milestone) => milestone <= count).length;
  }
}

/** lr = base · gamma^count. */
export class ExponentialLR extends Timed {
  readonly gamma: number;

  constructor(optimizer: HasRates, options: { gamma: number }) {
    super(optimizer);
    checkOptionNames('ExponentialLR', options, ['gamma']);
    checkFactors('ExponentialLR', { gamma: options.gamma });
    this.gamma = options.gamma;
    this.apply();
  }

  protected rate(base: number, count: number): number {
    return base * this.gamma ** count;
  }
}
