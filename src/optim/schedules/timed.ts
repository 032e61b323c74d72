import { isInteger, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import {
  areNumbers,
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

const overwrite = (list: number[], values: readonly number[]): void =>
  void list.splice(0, list.length, ...values);

/**
 * A schedule whose rate depends on the number of calls of `step()`. It applies from construction on.
 *
 * A `relative` schedule changes the rate that a group has: if something else has changed it since, such as the program
 * or a second schedule, or if the group is new, later rates are those of the base rate that would have led to it. Other
 * schedules set the rate, whatever it was.
 */
export abstract class Timed implements Schedule {
  readonly optimizer: HasRates;
  readonly #baseLrs: number[];
  /** The rates with which it starts again. */
  readonly #initialLrs: number[];
  /** The rate of each group that this schedule has set last. */
  readonly #set: number[] = [];
  #count = 0;

  constructor(optimizer: HasRates) {
    this.optimizer = checkOptimizer(optimizer);
    this.#initialLrs = optimizer.paramGroups.map(initialRate);
    this.#baseLrs = this.relative ? optimizer.paramGroups.map(({ lr }) => lr) : [...this.#initialLrs];
  }

  /** Number of steps so far. */
  protected get count(): number {
    return this.#count;
  }

  /** Whether the schedule changes the present rate, as those of PyTorch's schedules that can be chained. */
  protected get relative(): boolean {
    return true;
  }

  /** The rate of a group after `count` steps of the schedule: a linear function of `base`. */
  protected abstract rate(base: number, count: number, group: number): number;

  /** Call at the end of each constructor, when the options are set. */
  protected apply(): void {
    for (const [i, group] of this.optimizer.paramGroups.entries()) {
      // A group that was added later gets its base rate here, unless it has one already.
      this.#baseLrs[i] ??= initialRate(group);
      this.#initialLrs[i] ??= initialRate(group);
      const rate = this.rate(this.#baseLrs[i], this.#count, i);
      if (!Number.isFinite(rate) || rate < 0)
        throw new UsageError({
          what: `${this.constructor.name} gives a bad learning rate after ${this.#count} steps`,
          expected: 'a number of at least 0',
          got: shown(rate),
        });
      group.lr = rate;
      this.#set[i] = rate;
    }
  }

  /** Continues from rates that are not those that this schedule has set. */
  #follow(): void {
    for (const [i, group] of this.optimizer.paramGroups.entries()) {
      if (group.lr === this.#set[i]) continue;
      this.#initialLrs[i] ??= initialRate(group);
      const least = this.rate(0, this.#count, i);
      const slope = this.rate(1, this.#count, i) - least;
      if (slope !== 0) this.#baseLrs[i] = (group.lr - least) / slope;
    }
  }

  step(): void {
    if (this.relative) this.#follow();
    this.#count++;
    this.apply();
  }

  restart(): void {
    this.#count = 0;
    overwrite(this.#baseLrs, this.#initialLrs);
    this.apply();
  }

  stateDict(): ScheduleState {
    const lrs = this.optimizer.paramGroups.map(({ lr }) => lr);
    const initialLrs = [...this.#initialLrs];
    return {
      count: this.#count,
      baseLrs: [...this.#baseLrs],
      ...(initialLrs.every((lr, i) => lr === this.#baseLrs[i]) ? {} : { initialLrs }),
      ...(lrs.every((lr, i) => lr === this.#set[i]) ? {} : { lrs }),
    };
  }

  loadStateDict(state: ScheduleState): void {
    const { count, baseLrs, initialLrs = baseLrs, lrs } = recordOf(state);
    const { paramGroups } = this.optimizer;
    const { length } = paramGroups;
    const known = areNumbers(initialLrs, length) && (lrs === undefined || areRates(lrs, length));
    const fits = isInteger(count) && areNumbers(baseLrs, length) && known;
    if (!fits || baseLrs.some((base, i) => this.rate(base, count, i) < 0))
      throw badState(this.constructor.name, length, { count, baseLrs, initialLrs, lrs });
    this.#count = count;
    overwrite(this.#baseLrs, baseLrs);
    overwrite(this.#initialLrs, initialLrs);
    this.apply();
    if (lrs) for (const [i, group] of paramGroups.entries()) group.lr = lrs[i] as number;
  }
}
