import type { TrainConfig } from '../../run/config.js';
import { type Parser, refuse } from '../options/options.js';

type Schedule = TrainConfig['schedule'];

/** What may follow a kind: numbers with their conditions. */
interface Kind {
  /** What the user writes. */
  readonly form: string;
  readonly fits: (values: readonly number[]) => boolean;
  readonly make: (values: readonly number[]) => Schedule;
}

const whole = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;
const share = (value: number): boolean => value > 0 && value < 1;
const warmup = (values: readonly number[]): boolean =>
  values.length <= 1 && values.every((value) => whole(value, 0));

const KINDS: Readonly<Record<string, Kind>> = {
  constant: {
    form: 'constant',
    fits: (values) => values.length === 0,
    make: () => ({ kind: 'constant' }),
  },
  cosine: {
    form: 'cosine or cosine:WARMUP_STEPS',
    fits: warmup,
    make: ([warmupSteps = 0]) => ({ kind: 'annealing', shape: 'cosine', warmupSteps }),
  },
  linear: {
    form: 'linear or linear:WARMUP_STEPS',
    fits: warmup,
    make: ([warmupSteps = 0]) => ({ kind: 'annealing', shape: 'linear', warmupSteps }),
  },
  'one-cycle': {
    form: 'one-cycle or one-cycle:SHARE_OF_RISE, such as one-cycle:0.3',
    fits: (values) => values.length <= 1 && values.every(share),
    make: ([pctStart = 0.3]) => ({ kind: 'one-cycle', pctStart }),
  },
  exponential: {
    form: 'exponential:FACTOR_AN_EPOCH, such as exponential:0.95',
    fits: (values) => values.length === 1 && share(values[0]!),
    make: ([factor]) => ({ kind: 'exponential', factor: factor! }),
  },
  step: {
    form: 'step:EPOCHS or step:EPOCHS,FACTOR, such as step:30,0.1',
    fits: ([epochs, factor = 0.1, ...others]) =>
      epochs !== undefined && whole(epochs, 1) && share(factor) && others.length === 0,
    make: ([epochs, factor = 0.1]) => ({ kind: 'step', epochs: epochs!, factor }),
  },
  milestones: {
    form: 'milestones:EPOCH,EPOCH,…, such as milestones:30,60',
    fits: (values) => values.length > 0 && values.every((value, i) => whole(value, (values[i - 1] ?? 0) + 1)),
    make: (epochs) => ({ kind: 'milestones', epochs: [...epochs], factor: 0.1 }),
  },
  plateau: {
    form: 'plateau or plateau:PATIENCE_IN_EPOCHS',
    fits: (values) => values.length <= 1 && values.every((value) => whole(value, 0)),
    make: ([patience = 3]) => ({ kind: 'plateau', factor: 0.1, patience, drops: 3 }),
  },
};

export const SCHEDULE_KINDS: readonly string[] = Object.keys(KINDS);

/** `cosine`, `step:30,0.1`: a kind of schedule, and numbers after a colon. */
export function scheduleParser(flag: string): Parser<Schedule> {
  return (text) => {
    const [name = '', numbers, ...others] = text.split(':');
    const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
    if (!kind) return refuse(flag, text, `one of ${SCHEDULE_KINDS.join(', ')}`, SCHEDULE_KINDS);
    const parts = numbers === undefined ? [] : numbers.split(',');
    const values = parts.map((part) => (/^\d+(\.\d+)?$|^\.\d+$/.test(part) ? Number(part) : Number.NaN));
    if (others.length > 0 || values.some(Number.isNaN) || !kind.fits(values))
      return refuse(flag, text, kind.form);
    return kind.make(values);
  };
}
