import { type Claim, type Judgement, resultsOf, type Text, withSeeds } from './claim.js';
import type { Variant } from './job.js';
import type { Result } from './result.js';
import { difference, isClear, show, summarise } from './statistics.js';

type Basics = Pick<Claim, 'id' | 'section' | 'statement' | 'paperSays' | 'rule'>;

/** A claim that needs what is not here, with the reason for readers. */
export const unmeasured = (claim: Basics & { readonly needs: Text }): Claim => ({
  ...claim,
  order: 0,
  jobs: () => [],
  judge: () => ({ verdict: 'not measured', measured: '', reason: claim.needs }),
});

/** A claim that arithmetic decides, such as a number of parameters. */
export const counted = (claim: Basics & { readonly judge: () => Judgement }): Claim => ({
  ...claim,
  order: 0,
  jobs: () => [],
});

/** One side of a comparison. */
export interface Side {
  /** How the table calls it. */
  readonly label: string;
  readonly variant: Variant;
}

/**
 * A claim that one variant has a smaller number than another.
 *
 * With `trend`, which says what is smaller here than in the paper, the verdict is never more than a trend; its
 * reason then tells the direction. Otherwise it is confirmed or refuted by a difference of more than twice its
 * standard error over the seeds, and a trend where the difference is less than that.
 */
export function compared({
  less,
  more,
  seeds,
  measure,
  unit = '%',
  trend,
  ...claim
}: Basics & {
  readonly order: number;
  readonly less: Side;
  readonly more: Side;
  readonly seeds: readonly number[];
  readonly measure: (result: Result) => number;
  readonly unit?: string;
  readonly trend?: Text;
}): Claim {
  return {
    ...claim,
    jobs: () => [...withSeeds(less.variant, seeds), ...withSeeds(more.variant, seeds)],
    judge: (results) => {
      const lost = [less, more].find(({ variant }) =>
        resultsOf(results, variant, seeds).some(({ diverged }) => diverged),
      );
      if (lost) return divergence(lost.label);
      const [a, b] = [less, more].map(({ variant }) =>
        summarise(resultsOf(results, variant, seeds).map(measure)),
      ) as [ReturnType<typeof summarise>, ReturnType<typeof summarise>];
      const gain = difference(b, a);
      const spread = Number.isNaN(gain.error) ? '' : ` ± ${gain.error.toFixed(2)}`;
      const sign = gain.value < 0 ? '−' : '';
      // Percents have a digit after the point; what has no unit is small.
      const shown = (side: typeof a) => (unit === '' ? show(side, 2) : `${show(side)} ${unit}`);
      const measured =
        `${less.label} ${shown(a)}, ${more.label} ${shown(b)}: ` +
        `${sign}${Math.abs(gain.value).toFixed(2)}${spread} (n = ${seeds.length})`;
      const direction = directionOf(gain);
      if (trend)
        return {
          verdict: 'trend only',
          measured,
          reason: { en: `${direction.en}; ${trend.en}`, zh: `${direction.zh}；${trend.zh}` },
        };
      if (!isClear(gain)) return { verdict: 'trend only', measured, reason: direction };
      return { verdict: gain.value > 0 ? 'confirmed' : 'refuted', measured };
    },
  };
}

/** A claim that the number of one training decides, by a bound of its own. */
export function single({
  variant,
  measure,
  digits,
  holds,
  ...claim
}: Basics & {
  readonly order: number;
  readonly variant: Variant;
  /** Percent. */
  readonly measure: (result: Result) => number;
  /** Shown after the point. */
  readonly digits: number;
  /** Whether the number confirms the claim; otherwise it refutes it. */
  readonly holds: (percent: number) => boolean;
}): Claim {
  return {
    ...claim,
    jobs: () => withSeeds(variant, [0]),
    judge: (results) => {
      const result = results.get(variant, 0)!;
      if (result.diverged) return divergence(variant.id);
      const percent = measure(result);
      return {
        verdict: holds(percent) ? 'confirmed' : 'refuted',
        measured: `${percent.toFixed(digits)} %`,
        reason: { en: 'one seed', zh: '仅一个种子' },
      };
    },
  };
}

/** A variant that did not get to the end says nothing about a difference. */
export const divergence = (label: string): Judgement => ({
  verdict: 'not measured',
  measured: '',
  reason: { en: `${label}: a training diverged`, zh: `${label}：训练发散` },
});

function directionOf(gain: { value: number; error: number }): Text {
  if (Number.isNaN(gain.error))
    return gain.value > 0
      ? { en: 'in the paper’s direction, by a single run', zh: '方向与论文一致，但只有一次训练' }
      : { en: 'against the paper’s direction, by a single run', zh: '方向与论文相反，但只有一次训练' };
  if (!isClear(gain))
    return { en: 'no difference beyond the spread of the seeds', zh: '差异没有超出不同种子之间的波动' };
  return gain.value > 0
    ? { en: 'in the paper’s direction', zh: '方向与论文一致' }
    : { en: 'against the paper’s direction', zh: '方向与论文相反' };
}

/** Error on the test images after the last epoch, in percent. */
export const testError = (result: Result): number => result.epochs.at(-1)!.testError;
/** Error on the training images over the last epoch, as they were trained on, in percent. */
export const trainError = (result: Result): number => result.epochs.at(-1)!.trainError;
/** How much larger the error on test images is than that on training images, in points. */
export const overfit = (result: Result): number => testError(result) - trainError(result);

/**
 * Epochs until the training error is down to `target` percent, in a line between the ends of two epochs;
 * undefined when it never is.
 */
export function epochsTo({ epochs }: Pick<Result, 'epochs'>, target: number): number | undefined {
  const at = epochs.findIndex(({ trainError: error }) => error <= target);
  if (at < 0) return undefined;
  if (at === 0) return epochs[0]!.epoch;
  const [before, after] = [epochs[at - 1]!, epochs[at]!];
  const part = (before.trainError - target) / (before.trainError - after.trainError);
  return before.epoch + part * (after.epoch - before.epoch);
}
