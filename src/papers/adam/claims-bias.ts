import type { Claim, Text } from '../claims/claim.js';
import { measuredIn } from '../claims/kinds.js';
import type { Results } from '../claims/result.js';
import {
  BETA2,
  BIAS_EPOCHS,
  BIAS_SETTINGS,
  type BiasSetting,
  biasCost,
  biasJobs,
  CORRECTIONS,
  type Correction,
  EXPONENTS,
} from './experiments.js';

const CONDITIONS: Text = {
  en: `8,000 of the 60,000 digits, ${BIAS_EPOCHS} epochs (${63 * BIAS_EPOCHS} steps instead of 4,690), one seed`,
  zh: `60,000 个数字中的 8,000 个，${BIAS_EPOCHS} 轮（${63 * BIAS_EPOCHS} 步而非 4,690 步），一个种子`,
};
const STEPS = EXPONENTS.map((exponent) => `1e${exponent}`);
const SETTINGS: Text = {
  en: `β₁ = 0.9, step sizes of ${STEPS.join(', ')}`,
  zh: `β₁ = 0.9，步长为 ${STEPS.join('、')}`,
};

/** Costs that differ by a smaller share are equal: other seeds change them by as much. */
const LEAST = 0.01;

const shown = (value: number, { en, zh }: Text = { en: 'diverged', zh: '发散' }): Text => {
  const text = value.toFixed(1);
  return Number.isFinite(value) ? { en: text, zh: text } : { en, zh };
};

const limited = ({ en, zh }: Text): Text => ({
  en: `${en}; ${CONDITIONS.en}`,
  zh: `${zh}；${CONDITIONS.zh}`,
});

const joined = (texts: readonly Text[], [en, zh]: readonly [string, string]): Text => ({
  en: texts.map((text) => text.en).join(en),
  zh: texts.map((text) => text.zh).join(zh),
});

const withBeta2 = (beta2: number): readonly BiasSetting[] =>
  BIAS_SETTINGS.filter((setting) => setting.beta2 === beta2);

/** The lowest cost with one β₂. */
const best = (beta2: number, correction: Correction, results: Results): number =>
  Math.min(...withBeta2(beta2).map((setting) => biasCost(setting, correction, results)));

/** How much lower the bound becomes at worst without the correction, as a ratio of costs; infinite for a divergence. */
const worstRatio = (beta2: number, results: Results): number =>
  withBeta2(beta2).reduce((most, setting) => {
    const [on, off] = [biasCost(setting, 'on', results), biasCost(setting, 'off', results)];
    // Where both diverge, the correction changes nothing.
    return Number.isFinite(on) ? Math.max(most, off / on) : most;
  }, 0);

export const biasClaims: readonly Claim[] = [
  {
    id: 'bias-instability',
    section: '6.4, figure 4',
    order: 2,
    statement: {
      en: 'With β₂ close to 1 and without the correction, training becomes unstable.',
      zh: 'β₂ 接近 1 而不校正偏差时，训练变得不稳定。',
    },
    paperSays: 'β₂ → 1: m / √v > m̂ / √v̂',
    rule: {
      en: `negated bound of the last epoch without the correction, divided by that with it: the largest ratio of all settings (${SETTINGS.en}); confirmed if it is above 1.1 for β₂ = 0.9999 and larger than for 0.99`,
      zh: `最后一轮下界取负，不校正与校正之比在所有设置（${SETTINGS.zh}）中的最大值；β₂ = 0.9999 时大于 1.1 且大于 0.99 时的值即证实`,
    },
    jobs: biasJobs,
    judge: (results) => {
      const ratios = BETA2.map((beta2) => worstRatio(beta2, results));
      const [low, high] = [ratios[0]!, ratios.at(-1)!];
      const list = joined(
        BETA2.map((beta2, i) => {
          const ratio = Number.isFinite(ratios[i]!) ? ratios[i]!.toFixed(2) : undefined;
          return {
            en: `${ratio ?? 'divergence only without it'} (β₂ = ${beta2})`,
            zh: `${ratio ?? '仅不校正时发散'}（β₂ = ${beta2}）`,
          };
        }),
        [', ', '、'],
      );
      return {
        verdict: high > 1.1 && high > low ? 'confirmed' : 'refuted',
        ...measuredIn({
          en: `largest ratio without to with the correction: ${list.en}`,
          zh: `不校正与校正之比最大为：${list.zh}`,
        }),
        reason: CONDITIONS,
      };
    },
  },
  {
    id: 'bias-best',
    section: '6.4, figure 4',
    order: 2,
    statement: {
      en: 'The best results come with small 1 − β₂ and the correction of the bias.',
      zh: '最好的结果出现在 1 − β₂ 较小并校正偏差时。',
    },
    paperSays: '1 − β₂ → 0, m̂ / √v̂',
    rule: {
      en: `the lowest negated bound for each β₂, with and without the correction (${SETTINGS.en}); those less than ${100 * LEAST} % above the lowest of all are equal to it; in the paper’s direction if only β₂ of 0.999 or more with the correction are among them, against it if none is; always a trend`,
      zh: `每种 β₂ 校正与不校正时最低的下界取负值（${SETTINGS.zh}）；与总体最低者相差不到 ${100 * LEAST} % 视为相等；其中只有 β₂ 不小于 0.999 且带校正者即与论文一致，没有这样的即相反；只作趋势`,
    },
    jobs: biasJobs,
    judge: (results) => {
      const all = BETA2.flatMap((beta2) =>
        CORRECTIONS.map((correction) => ({ beta2, correction, value: best(beta2, correction, results) })),
      );
      const lowest = Math.min(...all.map(({ value }) => value));
      const equal = all.filter(({ value }) => value < (1 + LEAST) * lowest);
      const asSaid = equal.filter(({ beta2, correction }) => correction === 'on' && beta2 >= 0.999);
      const direction: Text =
        asSaid.length === equal.length
          ? { en: 'in the paper’s direction', zh: '方向与论文一致' }
          : asSaid.length > 0
            ? {
                en: `a tie: ${equal.length} of the ${all.length} are within ${100 * LEAST} % of the lowest`,
                zh: `不分高下：${all.length} 个中有 ${equal.length} 个与最低者相差不到 ${100 * LEAST} %`,
              }
            : { en: 'against the paper’s direction', zh: '方向与论文相反' };
      const list = joined(
        BETA2.map((beta2) => {
          const [on, off] = CORRECTIONS.map((correction) => shown(best(beta2, correction, results))) as [
            Text,
            Text,
          ];
          return {
            en: `${on.en} / ${off.en} (β₂ = ${beta2})`,
            zh: `${on.zh} / ${off.zh}（β₂ = ${beta2}）`,
          };
        }),
        [', ', '、'],
      );
      return {
        verdict: 'trend only',
        ...measuredIn({
          en: `nats with / without the correction: ${list.en}`,
          zh: `校正 / 不校正（nat）：${list.zh}`,
        }),
        reason: limited(direction),
      };
    },
  },
  {
    id: 'bias-rmsprop',
    section: '6.4',
    order: 2,
    statement: {
      en: 'Adam is equal to or better than RMSProp (Adam without the correction), whatever the settings.',
      zh: '无论如何设置，Adam 都不逊于 RMSProp（即不校正的 Adam）。',
    },
    paperSays: 'Adam ≤ RMSProp',
    rule: {
      en: `in how many of the ${BIAS_SETTINGS.length} settings (${SETTINGS.en}) the negated bound with the correction is at most ${100 * LEAST} % higher; always a trend`,
      zh: `${BIAS_SETTINGS.length} 种设置（${SETTINGS.zh}）中，校正后下界取负至多高 ${100 * LEAST} % 的有几种；只作趋势`,
    },
    jobs: biasJobs,
    judge: (results) => {
      const isWorse = (setting: BiasSetting): boolean =>
        biasCost(setting, 'on', results) > (1 + LEAST) * biasCost(setting, 'off', results);
      const worse = BIAS_SETTINGS.filter(isWorse);
      const total = BIAS_SETTINGS.length;
      const each = total / EXPONENTS.length;
      const list = EXPONENTS.map((exponent) => {
        const failed = worse.filter((setting) => setting.exponent === exponent).length;
        return { count: each - failed, step: `1e${exponent}` };
      });
      const direction: Text =
        worse.length === 0
          ? { en: 'in the paper’s direction', zh: '方向与论文一致' }
          : {
              en: `against the paper’s direction in ${worse.length} of ${total} settings`,
              zh: `${total} 种设置中有 ${worse.length} 种方向与论文相反`,
            };
      return {
        verdict: 'trend only',
        ...measuredIn({
          en: `equal or better in ${total - worse.length} of ${total}: ${list.map(({ count, step }) => `${count} of ${each} (step size ${step})`).join(', ')}`,
          zh: `${total} 种中有 ${total - worse.length} 种相等或更好：${list.map(({ count, step }) => `${count}/${each}（步长 ${step}）`).join('、')}`,
        }),
        reason: limited(direction),
      };
    },
  },
];
