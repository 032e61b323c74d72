import { isInteger, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import {
  areRates,
  badState,
  checkOptimizer,
  type HasRates,
  recordOf,
  type Schedule,
  type ScheduleState,
} from './schedule.js';

/**
 * The rate of each group before its first schedule; as in PyTorch, later schedules of the group start from the same
 * rate.
 */
const initialRates = new WeakMap<object, number>();

function initialRate(group: { readonly lr: number }): number {
  const known = initialRates.get(group) ?? group.lr;
  initialRates.set(group, known);
  return known;
}

/** A schedule whose rate depends only on the number of calls of `step()`. It applies from construction on. */
export abstract class Timed implements Schedule {
  readonly #optimizer: HasRates;
  readonly #baseLrs: number[];
  #count = 0;

  constructor(optimizer: HasRates) {
    this.#optimizer = checkOptimizer(optimizer);
    this.#baseLrs = optimizer.paramGroups.map(initialRate);
  }

  /** Number of steps so far. */
  protected get count(): number {
    return this.#count;
  }

  /** The rate of a group after `count` steps of the schedule. */
  protected abstract rate(base: number, count: number, group: number): number;

  /** Call at the end of each constructor, when the options are set. */
  protected apply(): void {
    for (const [i, group] of this.#optimizer.paramGroups.entries()) {
      // A group that was added later gets its base rate here.
      this.#baseLrs[i] ??= initialRate(group);
      const rate = this.rate(this.#baseLrs[i], this.#count, i);
      if (!Number.isFinite(rate) || rate < 0)
        throw new UsageError({
          what: `${this.constructor.name} gives a bad learning rate after ${this.#count} steps`,
          expected: 'a number of at least 0',
          got: shown(rate),
        });
      group.lr = rate;
    }
  }

  step(): void {
    this.#count++;
    this.apply();
  }

  restart(): void {
    this.#count = 0;
    this.apply();
  }

  stateDict(): ScheduleState {
    return { count: this.#count, baseLrs: [...this.#baseLrs] };
  }

  loadStateDict(state: ScheduleState): void {
    const { count, baseLrs } = recordOf(state);
    const { length } = this.#optimizer.paramGroups;
    if (!isInteger(count) || !areRates(baseLrs, length))
      throw badState(this.constructor.name, length, { count, baseLrs });
    this.#count = count;
    this.#baseLrs.splice(0, Number.POSITIVE_INFINITY, ...baseLrs);
    this.apply();
  }
}
