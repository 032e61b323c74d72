import { checkOptionNames, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { didYouMean } from '../../errors/nearest.js';
import { Optimizer } from '../../optim/optimizer.js';
import type { Schedule } from '../../optim/schedules/schedule.js';
import type { TimedSchedule } from '../optimizer.js';
import type { BestBy } from './method.js';
import type { Observation, Training } from './training.js';

const FUNCTIONS = ['loss', 'step', 'measure', 'samples'] as const;
const PARTS = ['optimizers', 'schedules', ...FUNCTIONS, 'best'];

/**
 * Checks what a paper's `training` has returned.
 *
 * @param owner such as "training() of Tiny GAN"
 * @throws UsageError for anything but a {@link Training}, and for a part with an unknown name or of a wrong kind
 */
export function checkTraining(owner: string, training: unknown): asserts training is Training {
  checkParts(owner, training, PARTS, 'its optimizers, and a loss or a step');
  const { loss, step, optimizers, schedules, best } = training as Training;
  if ((loss === undefined) === (step === undefined))
    throw new UsageError({
      what: `${owner} does not say what a step does`,
      expected: 'either a loss or a step',
      got: loss ? 'both' : 'neither',
    });
  if (optimizers !== undefined) checkOptimizers(owner, optimizers);
  if (schedules !== undefined) checkSchedules(owner, schedules, optimizers);
  if (best !== undefined) checkBest(owner, best, (training as Training).measure !== undefined);
}

/** Like {@link checkTraining}, for what `observe` of a classifier has returned. */
export function checkObservation(owner: string, observation: unknown): asserts observation is Observation {
  checkParts(owner, observation, ['measure', 'samples'], 'measure or samples, or both');
}

function checkParts(owner: string, value: unknown, known: readonly string[], parts: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Promise)
    throw new UsageError({
      what: `${owner} returned ${shown(value)}`,
      expected: `an object with ${parts}`,
      got: shown(value),
      next:
        value instanceof Promise ? 'make it a function without async' : 'return an object, such as { loss }',
    });
  // An object of a class may have fields of its own.
  if (isPlain(value)) checkOptionNames(owner, value, known);
  for (const name of FUNCTIONS) {
    const one = (value as Record<string, unknown>)[name];
    if (one !== undefined && typeof one !== 'function')
      throw new UsageError({
        what: `${owner} gave a bad ${name}`,
        expected: 'a function',
        got: shown(one),
      });
  }
}

const isPlain = (value: object): boolean => {
  const parent: unknown = Object.getPrototypeOf(value);
  return parent === null || parent === Object.prototype;
};

function checkOptimizers(owner: string, optimizers: unknown): void {
  const refuse = (expected: string, got: string, next?: string): never => {
    throw new UsageError({ what: `${owner} gave bad optimizers`, expected, got, ...(next ? { next } : {}) });
  };
  if (typeof optimizers !== 'object' || optimizers === null || !isPlain(optimizers))
    refuse(
      'an object of optimizers by name',
      shown(optimizers),
      optimizers instanceof Optimizer ? 'give it a name: optimizers: { main: … }' : undefined,
    );
  const entries = Object.entries(optimizers as object);
  if (entries.length === 0) refuse('at least one by name', 'none');
  for (const [name, one] of entries) {
    if (!/^[A-Za-z][\w-]*$/.test(name))
      refuse('names of a letter first, then letters, digits and hyphens', shown(name));
    if (!(one instanceof Optimizer))
      refuse(
        'optimizers, such as new SGD(model.namedParameters(), { lr: 0.1 })',
        `${shown(one)} for ${name}`,
      );
  }
}

function checkSchedules(owner: string, schedules: unknown, optimizers: Training['optimizers']): void {
  const bad = (expected: string, got: string, next?: string): UsageError =>
    new UsageError({ what: `${owner} gave bad schedules`, expected, got, ...(next ? { next } : {}) });
  if (!Array.isArray(schedules)) throw bad('a list of { schedule, every }', shown(schedules));
  for (const [i, one] of schedules.entries()) {
    if (typeof one !== 'object' || one === null || !isPlain(one))
      throw bad(
        '{ schedule, every } for each',
        `${shown(one)} at position ${i}`,
        "write { schedule, every: 'epoch' }, or every: 'step'",
      );
    checkOptionNames(`${owner}: a schedule`, one, ['schedule', 'every']);
    const { schedule, every } = one as Partial<TimedSchedule>;
    if (!isSchedule(schedule))
      throw bad('a schedule, such as new StepLR(optimizer, { stepSize: 10 })', shown(schedule));
    if (every !== 'step' && every !== 'epoch')
      throw bad("every: 'step' or 'epoch'", shown(every), didYouMeanEvery(every));
    const { optimizer } = schedule;
    const own: readonly unknown[] = Object.values(optimizers ?? {});
    if (optimizer !== undefined && !own.includes(optimizer))
      throw bad(
        `a schedule of one of its optimizers${optimizers ? `: ${Object.keys(optimizers).join(', ')}` : ''}`,
        'a schedule of another one, whose rate nothing uses',
        optimizers ? 'pass one of these to the schedule' : 'return its optimizer in optimizers, too',
      );
  }
}

const didYouMeanEvery = (every: unknown): string =>
  didYouMean(String(every), ['step', 'epoch'], 'say how often the schedule steps');

const isSchedule = (value: unknown): value is Schedule => {
  const one = value as Partial<Schedule> | null | undefined;
  return [one?.step, one?.stateDict, one?.loadStateDict].every((method) => typeof method === 'function');
};

function checkBest(owner: string, best: BestBy, measured: boolean): void {
  checkOptionNames(`${owner}: best`, best, ['metric', 'mode']);
  const refuse = (expected: string, got: unknown): never => {
    throw new UsageError({ what: `${owner} gave a bad best`, expected, got: shown(got) });
  };
  if (!measured)
    throw new UsageError({
      what: `${owner} gave a best, but nothing is measured`,
      expected: 'a measure beside it',
      got: 'none',
    });
  if (typeof best.metric !== 'string' || best.metric === '')
    refuse('the name of one of the measurements as metric', best.metric);
  if (best.mode !== 'min' && best.mode !== 'max') refuse("mode: 'min' or 'max'", best.mode);
}
