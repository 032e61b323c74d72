import { grouped } from '../../errors/counted.js';
import type { Claim, Text } from '../claims/claim.js';
import { ratioText } from '../claims/ratio.js';
import {
  BATCH,
  CONDITIONS,
  type ConditionRatio,
  conditionJobs,
  labelOf,
  MOST_EPOCHS,
  PART,
  ratiosOf,
} from './conditions.js';

/** The paper's factor of six counts as reached from here. */
const FACTOR = 4;

const reaches = ({ value }: ConditionRatio): boolean => value >= FACTOR;

/** What the verdict was measured on. */
const LIMITS: Text = {
  en: `measured on ${grouped(PART)} images, batches of ${BATCH}, one seed`,
  zh: `在 ${grouped(PART)} 张图像、批大小 ${BATCH}、一个种子上测得`,
};

const names = (ratios: readonly ConditionRatio[], language: keyof Text): string =>
  ratios.map(({ condition }) => condition.name[language]).join(language === 'en' ? '; ' : '；');

const list = (language: keyof Text): string =>
  CONDITIONS.map(({ name }) => name[language]).join(language === 'en' ? '; ' : '；');

const rule: Text = {
  en: `epochs with tanh divided by epochs with ReLU until the running training error reaches 25 %, for the four-layer network with half as many kernels in its first two convolutions, on the first ${grouped(PART)} training images of CIFAR-10, batches of ${BATCH} unless the condition says otherwise, at most ${MOST_EPOCHS} epochs; each condition differs from the first in one respect (the scale of the input together with its initial weights); for each condition and activation the rate with which the target is reached first, tried on that same run, about √10 apart, until the rate below and the rate above are slower; one seed. Confirmed if ReLU is at least ${FACTOR} times faster under at least half of the conditions, refuted if under none, otherwise a trend.`,
  zh: `前两个卷积层核数减半的四层网络，在 CIFAR-10 的前 ${grouped(PART)} 张训练图像上，批大小 ${BATCH}（条件另有说明者除外），训练误差（逐轮统计）降到 25 % 时 tanh 与 ReLU 所需轮数之比，至多 ${MOST_EPOCHS} 轮；每种条件只在一处与第一种不同（输入尺度与相应的初始权重视为一处）；每种条件与激活函数取使目标最早达到的学习率（就在这一次训练上试，相邻约差 √10 倍，直到低一档与高一档都更慢）；一个种子。在至少半数条件下 ReLU 快 ${FACTOR} 倍及以上为证实，没有一种条件如此为不成立，介于其间为趋势。`,
};

/** Figure 1 over a list of conditions. */
export const conditionsClaim: Claim = {
  id: 'relu-tanh-conditions',
  section: '3.1',
  order: 13,
  statement: {
    en: `ReLUs reach 25 % training error six times faster than tanh (Figure 1) under other conditions: ${list('en')}.`,
    zh: `在其他条件下，ReLU 降到 25 % 训练误差的速度也是 tanh 的六倍（图 1）：${list('zh')}。`,
  },
  paperSays: 'tanh/relu 6',
  rule,
  jobs: conditionJobs,
  judge(results) {
    const ratios = ratiosOf(results);
    const found = ratios.filter(reaches);
    const listed = (language: keyof Text): string =>
      ratios.map((one) => `${labelOf(one.condition)[language]} ${ratioText(one)}`).join(', ');
    const [measured, measuredZh] = [listed('en'), listed('zh')];
    if (found.length === 0) return { verdict: 'refuted', measured, measuredZh, reason: LIMITS };
    return {
      verdict: 2 * found.length >= CONDITIONS.length ? 'confirmed' : 'trend only',
      measured,
      measuredZh,
      reason: {
        en: `${found.length} of ${CONDITIONS.length} conditions: ${names(found, 'en')}; ${LIMITS.en}`,
        zh: `${CONDITIONS.length} 种条件中的 ${found.length} 种：${names(found, 'zh')}；${LIMITS.zh}`,
      },
    };
  },
};
