import { checkOptionNames, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import type { HasRates } from './schedule.js';
import { Timed } from './timed.js';

/** The factor on a group's rate after `count` steps of the schedule. */
export type RateFactor = (count: number) => number;

/**
 * lr = base · lrLambda(count), with a function for all groups or one for each. A saved state does not contain the functions.
 *
 * @throws UsageError if there is not a function for each group, or one returns something else than a number of at least 0
 * @example
 * new LambdaLR(optimizer, { lrLambda: (step) => 1 / Math.sqrt(step + 1) });
 */
export class LambdaLR extends Timed {
  readonly lrLambda: RateFactor | readonly RateFactor[];

  constructor(optimizer: HasRates, options: { lrLambda: RateFactor | readonly RateFactor[] }) {
    super(optimizer);
    checkOptionNames('LambdaLR', options, ['lrLambda']);
    const { lrLambda } = options;
    const list: readonly unknown[] = Array.isArray(lrLambda) ? lrLambda : [lrLambda];
    const enough = !Array.isArray(lrLambda) || list.length === optimizer.paramGroups.length;
    if (!enough || list.some((one) => typeof one !== 'function'))
      throw new UsageError({
        what: 'LambdaLR got a bad lrLambda',
        expected: `a function, or ${optimizer.paramGroups.length} functions for as many parameter groups`,
        got: shown(lrLambda),
      });
    this.lrLambda = lrLambda;
    this.apply();
  }

  protected override get relative(): boolean {
    return false;
  }

  protected rate(base: number, count: number, group: number): number {
    const { lrLambda } = this;
    const factor = typeof lrLambda === 'function' ? lrLambda : lrLambda[group];
    if (!factor)
      throw new UsageError({
        what: 'LambdaLR has no function for a parameter group that was added later',
        expected: 'a function for each group',
        got: `${(lrLambda as readonly RateFactor[]).length} functions`,
        next: 'create the schedule after the groups',
      });
    return base * factor(count);
  }
}
