import type { Language } from '../../display/languages.js';
import { UsageError } from '../../errors/errors.js';
import { type Claim, type Judgement, type Label, resultsOf, type Text, textOf, withSeeds } from './claim.js';
import type { Variant } from './job.js';
import type { EpochResult, Result } from './result.js';
import { difference, isClear, show, summarise } from './statistics.js';

type Basics = Pick<Claim, 'id' | 'section' | 'statement' | 'paperSays' | 'rule'>;

/** A claim that cannot be measured here; `needs` gives the reason. */
export const unmeasured = (claim: Basics & { readonly needs: Text }): Claim => ({
  ...claim,
  order: 0,
  jobs: () => [],
  judge: () => ({ verdict: 'not measured', measured: '', reason: claim.needs }),
});

/** A claim decided by counting, such as a number of parameters. */
export const counted = (claim: Basics & { readonly judge: () => Judgement }): Claim => ({
  ...claim,
  order: 0,
  jobs: () => [],
});

/** One side of a comparison. */
export interface Side {
  /** Its label in the table. */
  readonly label: Label;
  readonly variant: Variant;
}

/**
 * A claim that one variant has a lower value than another.
 *
 * With `trend`, which states what is smaller here than in the paper, the verdict is always `trend only`, with the
 * direction as its reason. Otherwise a difference of more than twice its standard error over the seeds confirms or
 * refutes the claim, and a smaller difference is a trend.
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
      // Percentages are shown with one digit after the point; values without a unit are small and need two.
      const shown = (side: typeof a) => (unit === '' ? show(side, 2) : `${show(side)} ${unit}`);
      const inWords = (language: Language) =>
        `${textOf(less.label)[language]} ${shown(a)}, ${textOf(more.label)[language]} ${shown(b)}: ` +
        `${sign}${Math.abs(gain.value).toFixed(2)}${spread} (n = ${seeds.length})`;
      const measured = measuredIn({ en: inWords('en'), zh: inWords('zh') });
      const direction = directionOf(gain);
      if (trend)
        return {
          verdict: 'trend only',
          ...measured,
          reason: { en: `${direction.en}; ${trend.en}`, zh: `${direction.zh}；${trend.zh}` },
        };
      if (!isClear(gain)) return { verdict: 'trend only', ...measured, reason: direction };
      return { verdict: gain.value > 0 ? 'confirmed' : 'refuted', ...measured };
    },
  };
}

/** A claim decided by comparing the result of one training with a fixed bound. */
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
  /** Digits after the point. */
  readonly digits: number;
  /** Returns true if the value confirms the claim, false if it refutes it. */
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

/** A variant that diverged allows no comparison. */
export function divergence(label: Label): Judgement {
  const { en, zh } = textOf(label);
  return {
    verdict: 'not measured',
    measured: '',
    reason: { en: `${en}: a training diverged`, zh: `${zh}：训练发散` },
  };
}

/** The numbers of a judgement; in Chinese only if their words differ. */
export const measuredIn = ({ en, zh }: Text): Pick<Judgement, 'measured' | 'measuredZh'> => ({
  measured: en,
  ...(zh === en ? {} : { measuredZh: zh }),
});

function directionOf(gain: { value: number; error: number }): Text {
  if (Number.isNaN(gain.error))
    return gain.value > 0
      ? { en: 'in the paper’s direction, from a single run', zh: '方向与论文一致，但只有一次训练' }
      : { en: 'against the paper’s direction, from a single run', zh: '方向与论文相反，但只有一次训练' };
  if (!isClear(gain))
    return { en: 'no difference beyond the spread over seeds', zh: '差异没有超出不同种子之间的波动' };
  return gain.value > 0
    ? { en: 'in the paper’s direction', zh: '方向与论文一致' }
    : { en: 'against the paper’s direction', zh: '方向与论文相反' };
}

/** A number of the last epoch. @throws UsageError if the training did not measure it */
function ofLast(
  { variant, epochs }: Result,
  name: string,
  pick: (epoch: EpochResult) => number | undefined,
): number {
  const value = pick(epochs.at(-1)!);
  if (value !== undefined) return value;
  throw new UsageError({
    what: `A claim asks for the ${name} of ${variant}, which was not measured`,
    expected: 'a number that its training logs',
    got: 'none of that name',
    next: 'name a metric of the paper’s step or measure',
  });
}

/** Test error after the last epoch, in percent. */
export const testError = (result: Result): number => ofLast(result, 'test error', (epoch) => epoch.testError);
/** Running training error over the last epoch (with augmentation and dropout), in percent. */
export const trainError = (result: Result): number =>
  ofLast(result, 'training error', (epoch) => epoch.trainError);
/** Test error minus training error, in points. */
export const overfit = (result: Result): number => testError(result) - trainError(result);

/** A measurement of the paper's own on the test set, after the last epoch. */
export const testMetric =
  (name: string) =>
  (result: Result): number =>
    ofLast(result, `test metric ${name}`, (epoch) => epoch.testMetrics?.[name]);
/** The mean of a metric of the paper's own step over the last epoch. */
export const trainMetric =
  (name: string) =>
  (result: Result): number =>
    ofLast(result, `training metric ${name}`, (epoch) => epoch.trainMetrics?.[name]);

/**
 * Epochs until the training error falls to `target` percent, interpolated linearly between epochs; undefined if it
 * never does.
 */
export function epochsTo({ epochs }: Pick<Result, 'epochs'>, target: number): number | undefined {
  const errors = epochs.map(({ trainError: error }) => error ?? Number.NaN);
  const at = errors.findIndex((error) => error <= target);
  if (at < 0) return undefined;
  if (at === 0) return epochs[0]!.epoch;
  const [before, after] = [epochs[at - 1]!, epochs[at]!];
  const part = (errors[at - 1]! - target) / (errors[at - 1]! - errors[at]!);
  return before.epoch + part * (after.epoch - before.epoch);
}
