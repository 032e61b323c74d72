import { checkInteger, checkOptionNames, isInteger, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import {
  areRates,
  badState,
  checkFactors,
  checkOptimizer,
  checkWord,
  type HasRates,
  recordOf,
  type Schedule,
  type ScheduleState,
} from './schedule.js';

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
  readonly optimizer: HasRates;
  readonly #options: Required<PlateauOptions>;
  #best: number | null = null;
  #bad = 0;
  #cooldown = 0;

  constructor(optimizer: HasRates, options: PlateauOptions = {}) {
    this.optimizer = checkOptimizer(optimizer);
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
    checkInteger('ReduceLROnPlateau', 'patience', patience, { least: 0 });
    checkInteger('ReduceLROnPlateau', 'cooldown', cooldown, { least: 0 });
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
    for (const group of this.optimizer.paramGroups) {
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
      lrs: this.optimizer.paramGroups.map((group) => group.lr),
    };
  }

  loadStateDict(state: ScheduleState): void {
    const { best, bad, cooldown, lrs } = recordOf(state);
    const groups = this.optimizer.paramGroups;
    const fits =
      (best === null || (typeof best === 'number' && !Number.isNaN(best))) &&
      isInteger(bad) &&
      isInteger(cooldown) &&
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
