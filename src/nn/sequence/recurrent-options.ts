import { shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';

export type Nonlinearity = 'tanh' | 'relu';

/** The nonlinearity of a recurrent network, tanh by default. @throws UsageError for another one */
export function checkNonlinearity(owner: string, given: unknown = 'tanh'): Nonlinearity {
  if (given === 'tanh' || given === 'relu') return given;
  throw new UsageError({
    what: `${owner} got a bad nonlinearity`,
    expected: "'tanh' or 'relu'",
    got: shown(given),
  });
}

/** The state of an LSTM, if given. @throws UsageError unless it is a pair */
export function checkPair<T>(owner: string, state: readonly [T, T] | undefined): readonly [T, T] | undefined {
  if (state === undefined || (Array.isArray(state) && state.length === 2)) return state;
  throw new UsageError({ what: `${owner} got a bad state`, expected: 'a pair [h, c]', got: shown(state) });
}
