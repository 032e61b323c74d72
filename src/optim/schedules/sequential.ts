import { checkInteger, checkOptionNames, isInteger, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import {
  badState,
  checkOptimizer,
  type HasRates,
  recordOf,
  type Schedule,
  type ScheduleState,
} from './schedule.js';

/**
 * Schedules one after another: the first one until the first milestone, the second one from there, and so on. Each
 * starts from its beginning at its milestone, with the rate that the optimizer had before all schedules.
 *
 * @throws UsageError unless there is one milestone fewer than schedules, in ascending order
 * @example
 * const warmup = new LinearLR(optimizer, { startFactor: 0.1, totalIters: 5 });
 * const cosine = new CosineAnnealingLR(optimizer, { tMax: 95 });
 * const schedule = new SequentialLR(optimizer, { schedules: [warmup, cosine], milestones: [5] });
 */
export class SequentialLR implements Schedule {
  readonly optimizer: HasRates;
  readonly #schedules: readonly Schedule[];
  readonly #milestones: readonly number[];
  readonly #groups: number;
  #count = 0;

  constructor(
    optimizer: HasRates,
    options: { schedules: readonly Schedule[]; milestones: readonly number[] },
  ) {
    this.optimizer = checkOptimizer(optimizer);
    checkOptionNames('SequentialLR', options, ['schedules', 'milestones']);
    const { schedules, milestones } = options;
    if (!Array.isArray(schedules) || schedules.length === 0 || !schedules.every(isSchedule))
      throw new UsageError({
        what: 'SequentialLR got bad schedules',
        expected: 'a list of schedules of the same optimizer',
        got: shown(schedules),
      });
    if (!Array.isArray(milestones) || milestones.length !== schedules.length - 1)
      throw new UsageError({
        what: 'SequentialLR got bad milestones',
        expected: `a list of ${schedules.length - 1} steps, one fewer than schedules`,
        got: shown(milestones),
      });
    for (const [i, milestone] of milestones.entries())
      checkInteger('SequentialLR', 'milestone', milestone, { least: i === 0 ? 1 : milestones[i - 1] + 1 });
    this.#schedules = [...schedules];
    this.#milestones = [...milestones];
    this.#groups = optimizer.paramGroups.length;
    this.#schedules[0]!.restart?.();
  }

  get #current(): Schedule {
    return this.#schedules[this.#milestones.filter((milestone) => milestone <= this.#count).length]!;
  }

  step(metric?: number): void {
    this.#count++;
    const current = this.#current;
    if (this.#milestones.includes(this.#count) && current.restart) current.restart();
    else current.step(metric);
  }

  restart(): void {
    this.#count = 0;
    this.#schedules[0]!.restart?.();
  }

  stateDict(): ScheduleState {
    return { count: this.#count, schedules: this.#schedules.map((schedule) => schedule.stateDict()) };
  }

  loadStateDict(state: ScheduleState): void {
    const { count, schedules } = recordOf(state);
    const states = schedules as readonly ScheduleState[] | undefined;
    if (!isInteger(count) || !Array.isArray(states) || states.length !== this.#schedules.length)
      throw badState('SequentialLR', this.#groups, { count, schedules });
    this.#count = count;
    const current = this.#current;
    // The current one last, since each sets the optimizer's rates.
    for (const [i, schedule] of this.#schedules.entries())
      if (schedule !== current) schedule.loadStateDict(states[i]!);
    current.loadStateDict(states[this.#schedules.indexOf(current)]!);
  }
}

const isSchedule = (value: unknown): value is Schedule =>
  typeof (value as Schedule | null)?.step === 'function' &&
  typeof (value as Schedule).stateDict === 'function';
