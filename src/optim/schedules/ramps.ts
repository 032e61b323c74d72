import { checkInteger, checkOptionNames } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { checkFactors, checkWord, type HasRates } from './schedule.js';
import { Timed } from './timed.js';

/** Warm-up: lr = base · f, where f changes linearly from startFactor to endFactor over totalIters steps, then stays. */
export class LinearLR extends Timed {
  readonly startFactor: number;
  readonly endFactor: number;
  readonly totalIters: number;

  constructor(
    optimizer: HasRates,
    options: { startFactor?: number; endFactor?: number; totalIters?: number } = {},
  ) {
    super(optimizer);
    checkOptionNames('LinearLR', options, ['startFactor', 'endFactor', 'totalIters']);
    const { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = options;
    checkFactors('LinearLR', { startFactor, endFactor });
    checkInteger('LinearLR', 'totalIters', totalIters, { least: 1 });
    this.startFactor = startFactor;
    this.endFactor = endFactor;
    this.totalIters = totalIters;
    this.apply();
  }

  protected rate(base: number, count: number): number {
    const part = Math.min(count, this.totalIters) / this.totalIters;
    return base * (this.startFactor + (this.endFactor - this.startFactor) * part);
  }
}

/** lr = base · factor for the first totalIters steps, then base. */
export class ConstantLR extends Timed {
  readonly factor: number;
  readonly totalIters: number;

  constructor(optimizer: HasRates, options: { factor?: number; totalIters?: number } = {}) {
    super(optimizer);
    checkOptionNames('ConstantLR', options, ['factor', 'totalIters']);
    const { factor = 1 / 3, totalIters = 5 } = options;
    checkFactors('ConstantLR', { factor });
    checkInteger('ConstantLR', 'totalIters', totalIters, { least: 1 });
    this.factor = factor;
    this.totalIters = totalIters;
    this.apply();
  }

  protected rate(base: number, count: number): number {
    return count < this.totalIters ? base * this.factor : base;
  }
}

/** lr = base · (1 − count / totalIters)^power, and 0 from totalIters steps on. */
export class PolynomialLR extends Timed {
  readonly totalIters: number;
  readonly power: number;

  constructor(optimizer: HasRates, options: { totalIters?: number; power?: number } = {}) {
    super(optimizer);
    checkOptionNames('PolynomialLR', options, ['totalIters', 'power']);
    const { totalIters = 5, power = 1 } = options;
    checkInteger('PolynomialLR', 'totalIters', totalIters, { least: 1 });
    checkFactors('PolynomialLR', { power });
    this.totalIters = totalIters;
    this.power = power;
    this.apply();
  }

  protected rate(base: number, count: number): number {
    return count >= this.totalIters ? 0 : base * (1 - count / this.totalIters) ** this.power;
  }
}

/** Options of {@link WarmupDecay}, in calls of `step()`. */
export interface WarmupDecayOptions {
  totalSteps: number;
  /** Number of steps n over which the rate rises: base · 1/n, base · 2/n, … base. */
  warmupSteps?: number;
  /** Number of last steps over which the rate falls to 0; all steps after the warm-up by default. */
  decaySteps?: number;
  shape?: 'linear' | 'cosine';
}

/**
 * Schedule for a run of fixed length: the rate rises linearly, stays constant, and falls to 0 linearly or along half a
 * cosine. It is above 0 until `totalSteps` steps are over. Call `step()` after each optimizer step.
 *
 * @example
 * const schedule = new WarmupDecay(optimizer, { totalSteps: 250, warmupSteps: 30, decaySteps: 75 });
 */
export class WarmupDecay extends Timed {
  readonly totalSteps: number;
  readonly warmupSteps: number;
  readonly decaySteps: number;
  readonly shape: 'linear' | 'cosine';

  constructor(optimizer: HasRates, options: WarmupDecayOptions) {
    super(optimizer);
    checkOptionNames('WarmupDecay', options, ['totalSteps', 'warmupSteps', 'decaySteps', 'shape']);
    const { totalSteps, warmupSteps = 0, decaySteps = totalSteps - warmupSteps, shape = 'linear' } = options;
    checkWord('WarmupDecay', 'shape', shape, ['linear', 'cosine']);
    checkInteger('WarmupDecay', 'totalSteps', totalSteps, { least: 1 });
    checkInteger('WarmupDecay', 'warmupSteps', warmupSteps, { least: 0 });
    checkInteger('WarmupDecay', 'decaySteps', decaySteps, { least: 0 });
    if (warmupSteps + decaySteps > totalSteps)
      throw new UsageError({
        what: 'WarmupDecay got more warm-up and decay steps than total steps',
        expected: `at most ${totalSteps} together`,
        got: `${warmupSteps} and ${decaySteps}`,
      });
    this.totalSteps = totalSteps;
    this.warmupSteps = warmupSteps;
    this.decaySteps = decaySteps;
    this.shape = shape;
    this.apply();
  }

  protected override get relative(): boolean {
    return false;
  }

  protected rate(base: number, count: number): number {
    if (count < this.warmupSteps) return (base * (count + 1)) / this.warmupSteps;
    const left = Math.max(0, this.totalSteps - count);
    if (left >= this.decaySteps) return base;
    const part = left / this.decaySteps;
    return base * (this.shape === 'linear' ? part : (1 - Math.cos(Math.PI * part)) / 2);
  }
}
