import { checkNumber, checkOptionNames, shown } from '../errors/arguments.js';
import { CheckpointError, UsageError } from '../errors/errors.js';
import { excerpt } from '../errors/excerpt.js';

/** An optimizer, or any object with parameter groups that have a learning rate. */
export interface HasRates {
  readonly paramGroups: readonly { lr: number }[];
}

/** A schedule's state: plain JSON. */
export type ScheduleState = Readonly<Record<string, number | readonly number[] | null>>;

/** Changes the learning rates of an optimizer each time the caller calls `step()`: per epoch or per training step. */
export interface Schedule {
  /** Call after the optimizer's step or steps. @param metric the monitored value, for schedules that use one */
  step(metric?: number): void;
  stateDict(): ScheduleState;
  /** Restores a state from `stateDict()` and sets the optimizer's rates. @throws CheckpointError if it is not valid */
  loadStateDict(state: ScheduleState): void;
}

/** A schedule whose rate depends only on the number of calls of `step()`. It applies from construction on. */
abstract class Timed implements Schedule {
  readonly #optimizer: HasRates;
  #baseLrs: readonly number[];
  #count = 0;

  constructor(optimizer: HasRates) {
    this.#optimizer = checkOptimizer(optimizer);
    this.#baseLrs = optimizer.paramGroups.map((group) => group.lr);
  }

  /** The rate after `count` steps of the schedule. */
  protected abstract rate(base: number, count: number): number;

  /** Call at the end of each constructor, when the options are set. */
  protected apply(): void {
    for (const [i, group] of this.#optimizer.paramGroups.entries())
      group.lr = this.rate(this.#baseLrs[i]!, this.#count);
  }

  step(): void {
    this.#count++;
    this.apply();
  }

  stateDict(): ScheduleState {
    return { count: this.#count, baseLrs: [...this.#baseLrs] };
  }

  loadStateDict({ count, baseLrs }: ScheduleState): void {
    if (!isCount(count) || !areRates(baseLrs, this.#baseLrs.length))
      throw badState(this.constructor.name, this.#baseLrs.length, { count, baseLrs });
    this.#count = count;
    this.#baseLrs = [...baseLrs];
    this.apply();
  }
}

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
    checkCount('StepLR', 'stepSize', stepSize, 1);
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
    for (const milestone of milestones) checkCount('MultiStepLR', 'milestone', milestone, 0);
    this.milestones = [...milestones];
    this.gamma = gamma;
    this.apply();
  }

  protected rate(base: number, count: number): number {
    return base * this.gamma ** this.milestones.filter((milestone) => milestone <= count).length;
  }
}

/** lr = etaMin + (base − etaMin) · (1 + cos(π · count / tMax)) / 2; it rises again after tMax, as in PyTorch. */
export class CosineAnnealingLR extends Timed {
  readonly tMax: number;
  readonly etaMin: number;

  constructor(optimizer: HasRates, options: { tMax: number; etaMin?: number }) {
    super(optimizer);
    checkOptionNames('CosineAnnealingLR', options, ['tMax', 'etaMin']);
    const { tMax, etaMin = 0 } = options;
    checkFactors('CosineAnnealingLR', { etaMin });
    checkCount('CosineAnnealingLR', 'tMax', tMax, 1);
    this.tMax = tMax;
    this.etaMin = etaMin;
    this.apply();
  }

  protected rate(base: number, count: number): number {
    return this.etaMin + ((base - this.etaMin) * (1 + Math.cos((Math.PI * count) / this.tMax))) / 2;
  }
}

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
    checkCount('LinearLR', 'totalIters', totalIters, 1);
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
    checkCount('WarmupDecay', 'totalSteps', totalSteps, 1);
    checkCount('WarmupDecay', 'warmupSteps', warmupSteps, 0);
    checkCount('WarmupDecay', 'decaySteps', decaySteps, 0);
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

  protected rate(base: number, count: number): number {
    if (count < this.warmupSteps) return (base * (count + 1)) / this.warmupSteps;
    const left = Math.max(0, this.totalSteps - count);
    if (left >= this.decaySteps) return base;
    const part = left / this.decaySteps;
    return base * (this.shape === 'linear' ? part : (1 - Math.cos(Math.PI * part)) / 2);
  }
}

/** Options of {@link ReduceLROnPlateau}, with PyTorch's defaults. */
export interface PlateauOptions {
  /** Whether the metric should fall or rise. */
  mode?: 'min' | 'max';
  factor?: number;
  /** Number of steps without improvement that are tolerated before the rate falls. */
  patience?: number;
  /** Minimum change of the metric that counts as an improvement. */
  threshold?: number;
  thresholdMode?: 'rel' | 'abs';
  /** Number of steps after a reduction during which steps without improvement do not count. */
  cooldown?: number;
  minLr?: number;
  /** Smaller changes of the rate are skipped. */
  eps?: number;
}

/**
 * Multiplies the rate by `factor` if the metric has not improved for more than `patience` steps.
 */
export class ReduceLROnPlateau implements Schedule {
  readonly #optimizer: HasRates;
  readonly #options: Required<PlateauOptions>;
  #best: number | null = null;
  #bad = 0;
  #cooldown = 0;

  constructor(optimizer: HasRates, options: PlateauOptions = {}) {
    this.#optimizer = checkOptimizer(optimizer);
    checkOptionNames('ReduceLROnPlateau', options, Object.keys(PLATEAU));
    this.#options = { ...PLATEAU, ...options };
    const { factor, patience, cooldown, mode, threshold, thresholdMode, minLr, eps } = this.#options;
    checkWord('ReduceLROnPlateau', 'mode', mode, ['min', 'max']);
    checkWord('ReduceLROnPlateau', 'thresholdMode', thresholdMode, ['rel', 'abs']);
    checkFactors('ReduceLROnPlateau', { factor, threshold, minLr, eps });
    if (!(factor > 0 && factor < 1))
      throw new UsageError({
        what: 'ReduceLROnPlateau got a bad factor',
        expected: 'a number in (0, 1)',
        got: String(factor),
      });
    checkCount('ReduceLROnPlateau', 'patience', patience, 0);
    checkCount('ReduceLROnPlateau', 'cooldown', cooldown, 0);
  }

  step(metric?: number): void {
    if (typeof metric !== 'number')
      throw new UsageError({
        what: 'ReduceLROnPlateau needs a metric',
        expected: 'schedule.step(metric), such as the validation loss',
        got: metric === undefined ? 'step()' : shown(metric),
        ...(metric === undefined ? {} : { next: 'read a tensor with await loss.item()' }),
      });
    if (this.#better(metric)) {
      this.#best = metric;
      this.#bad = 0;
    } else this.#bad++;
    if (this.#cooldown > 0) {
      this.#cooldown--;
      this.#bad = 0;
    }
    const { patience, cooldown, factor, minLr, eps } = this.#options;
    if (this.#bad <= patience) return;
    for (const group of this.#optimizer.paramGroups) {
      const lr = Math.max(group.lr * factor, minLr);
      if (group.lr - lr > eps) group.lr = lr;
    }
    this.#cooldown = cooldown;
    this.#bad = 0;
  }

  #better(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options;
    if (this.#best === null) return !Number.isNaN(metric);
    const sign = mode === 'min' ? -1 : 1;
    const bar = thresholdMode === 'rel' ? this.#best * (1 + sign * threshold) : this.#best + sign * threshold;
    return sign * (metric - bar) > 0;
  }

  stateDict(): ScheduleState {
    return {
      best: this.#best,
      bad: this.#bad,
      cooldown: this.#cooldown,
      lrs: this.#optimizer.paramGroups.map((group) => group.lr),
    };
  }

  loadStateDict({ best, bad, cooldown, lrs }: ScheduleState): void {
    const groups = this.#optimizer.paramGroups;
    const fits =
      (best === null || typeof best === 'number') &&
      isCount(bad) &&
      isCount(cooldown) &&
      areRates(lrs, groups.length);
    if (!fits) throw badState('ReduceLROnPlateau', groups.length, { best, bad, cooldown, lrs });
    this.#best = best;
    this.#bad = bad;
    this.#cooldown = cooldown;
    for (const [i, group] of groups.entries()) group.lr = lrs[i]!;
  }
}

const PLATEAU: Required<PlateauOptions> = {
  mode: 'min',
  factor: 0.1,
  patience: 10,
  threshold: 1e-4,
  thresholdMode: 'rel',
  cooldown: 0,
  minLr: 0,
  eps: 1e-8,
};

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const areRates = (value: unknown, groups: number): value is readonly number[] =>
  Array.isArray(value) &&
  value.length === groups &&
  value.every((rate) => Number.isFinite(rate) && rate >= 0);

function checkCount(schedule: string, name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new UsageError({
    what: `${schedule} got a bad ${name}`,
    expected: `an integer of at least ${least}`,
    got: String(value),
  });
}

/** @throws UsageError unless the object has parameter groups with learning rates */
function checkOptimizer(optimizer: HasRates): HasRates {
  if (Array.isArray((optimizer as HasRates | undefined)?.paramGroups)) return optimizer;
  throw new UsageError({
    what: 'A schedule changes the rates of an optimizer',
    expected: 'an optimizer, such as new SGD(model.parameters(), { lr: 0.1 })',
    got: shown(optimizer),
    next: 'create the optimizer first, and pass it',
  });
}

function checkFactors(schedule: string, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    checkNumber(schedule, name, value, { least: 0, expected: 'a number of at least 0' });
}

function checkWord(schedule: string, name: string, value: unknown, words: readonly string[]): void {
  if (typeof value === 'string' && words.includes(value)) return;
  throw new UsageError({
    what: `${schedule} got a bad ${name}`,
    expected: words.map((word) => `'${word}'`).join(' or '),
    got: shown(value),
  });
}

const badState = (schedule: string, groups: number, state: unknown): CheckpointError =>
  new CheckpointError({
    what: `The saved state does not fit this ${schedule}`,
    expected: `the state of a ${schedule} over ${groups} parameter groups`,
    got: excerpt(state),
    next: 'create the schedule with the options of the run that saved it',
  });
