import { UsageError } from '../../errors/errors.js';
import type { Measurement } from '../../run/events.js';
import type { BestBy } from './method.js';

/**
 * The measurement that decides the best weights; undefined for a run without it.
 * @throws UsageError if the paper names one that it does not measure
 */
export function scoreOf(
  { accuracy, metrics = {} }: Measurement,
  best: BestBy | undefined,
): number | undefined {
  if (!best) return accuracy;
  const score = metrics[best.metric];
  if (score !== undefined) return score;
  throw new UsageError({
    what: `The best weights are those of the ${best.mode === 'min' ? 'smallest' : 'largest'} ${best.metric}, which measure() does not return`,
    expected: `${best.metric} among what measure returns`,
    got: Object.keys(metrics).join(', ') || 'nothing',
    next: 'return it, or name another metric in best',
  });
}
