import { hostname } from 'node:os';
import { DeviceError } from '../../errors/errors.js';
import type { Launcher } from './launcher.js';
import { missingRanks } from './missing.js';

/** The ranks of a job have not found each other in time. */
export class JoinError extends DeviceError {
  /** Whether no rank before this one waits on this machine, so that this one prints the error. */
  readonly first: boolean;

  static {
    JoinError.prototype.name = 'JoinError';
  }

  /** @param limit milliseconds for which this rank has waited */
  constructor(launcher: Launcher, limit: number) {
    const { rank, size } = launcher;
    const missing = missingRanks(launcher);
    super({
      what: `The ranks have not found each other within ${Math.round(limit / 1000)} s`,
      expected: `${size ?? 'all'} ranks that join`,
      got:
        missing.length === 0
          ? `no answer for rank ${rank ?? '?'} (${hostname()})`
          : missing.map(({ text }) => text).join('; '),
      next: 'check that all ranks were started and that their machines reach each other; PAPERWEIGHT_JOIN_SECONDS sets another limit',
    });
    this.first = missing.filter((one) => one.rank < (rank ?? 0)).length === (rank ?? 0);
  }
}
