import { checkNumber, shown } from '../../errors/arguments.js';
import { CheckpointError, UsageError } from '../../errors/errors.js';
import { excerpt } from '../../errors/excerpt.js';

/** An optimizer, or any object with parameter groups that have a learning rate. */
export interface HasRates {
  readonly paramGroups: readonly { lr: number }[];
}

/** A schedule's state: plain JSON. */
export type ScheduleState = {
  readonly [name: string]: number | readonly number[] | readonly ScheduleState[] | null;
};

/** Changes the learning rates of an optimizer each time the caller calls `step()`: per epoch or per training step. */
export interface Schedule {
  /** Whose rates it changes. */
  readonly optimizer?: HasRates;
  /** Call after the optimizer's step or steps. @param metric the monitored value, for schedules that use one */
  step(metric?: number): void;
  stateDict(): ScheduleState;
  /** Restores a state from `stateDict()` and sets the optimizer's rates. @throws CheckpointError if it is not valid */
  loadStateDict(state: ScheduleState): void;
  /** Starts again from the beginning, for a sequence of schedules; left out if that is not possible. */
  restart?(): void;
}

export const areNumbers = (value: unknown, groups: number): value is readonly number[] =>
  Array.isArray(value) && value.length === groups && value.every((rate) => Number.isFinite(rate));

export const areRates = (value: unknown, groups: number): value is readonly number[] =>
  areNumbers(value, groups) && value.every((rate) => rate >= 0);

/** @throws UsageError unless the object has parameter groups with learning rates */
export function checkOptimizer(optimizer: HasRates): HasRates {
  if (Array.isArray((optimizer as HasRates | undefined)?.paramGroups)) return optimizer;
  throw new UsageError({
    what: 'A schedule changes the rates of an optimizer',
    expected: 'an optimizer, such as new SGD(model.parameters(), { lr: 0.1 })',
    got: shown(optimizer),
    next: 'create the optimizer first, and pass it',
  });
}

export function checkFactors(schedule: string, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    checkNumber(schedule, name, value, { least: 0, expected: 'a number of at least 0' });
}

export function checkWord(schedule: string, name: string, value: unknown, words: readonly string[]): void {
  if (typeof value === 'string' && words.includes(value)) return;
  throw new UsageError({
    what: `${schedule} got a bad ${name}`,
    expected: words.map((word) => `'${word}'`).join(' or '),
    got: shown(value),
  });
}

/** A saved state, or an empty one that fits no schedule for anything else. */
export const recordOf = (state: ScheduleState): ScheduleState =>
  typeof state === 'object' && state !== null ? state : {};

export const badState = (schedule: string, groups: number, state: unknown): CheckpointError =>
  new CheckpointError({
    what: `The saved state does not fit this ${schedule}`,
    expected: `the state of a ${schedule} over ${groups} parameter groups`,
    got: excerpt(state),
    next: 'create the schedule with the options of the run that saved it',
  });
