import type { Claim, Text } from '../claims/claim.js';
import {
  BATCH,
  CONDITIONS,
  conditionJobs,
  labelOf,
  MOST_EPOCHS,
  PART,
  type Ratio,
  ratiosOf,
  SEARCH_EPOCHS,
} from './conditions.js';

/** The paper's factor of six counts as reached from here. */
const FACTOR = 4;

const reaches = ({ bound }: Ratio): boolean => bound >= FACTOR;

/** `6.2`, `≥ 4.8` where tanh never reached the target, `≤ 0.3` where ReLU never did. */
function shown({ ratio, bound }: Ratio): string {
  if (Number.isNaN(ratio)) return '—';
  return `${ratio === Number.POSITIVE_INFINITY ? '≥ ' : ratio === 0 ? '≤ ' : ''}${bound.toFixed(1)}`;
}

const names = (ratios: readonly Ratio[], language: keyof Text): string =>
  ratios.map(({ condition }) => condition.name[language]).join(language === 'en' ? '; ' : '；');

const list = (language: keyof Text): string =>
  CONDITIONS.map(({ name }) => name[language]).join(language === 'en' ? '; ' : '；');

const rule: Text = {
  en: `epochs with tanh divided by epochs with ReLU until the running training error reaches 25 %, for the four-layer network with half as many kernels in its first two convolutions, on the first ${PART} training images of CIFAR-10, batches of ${BATCH}, at most ${MOST_EPOCHS} epochs; each condition differs from the first in one respect (the scale of the input together with its initial weights); for each condition and activation the best of at least three learning rates by the training error after ${SEARCH_EPOCHS} epochs with a separate seed; one seed. Confirmed if ReLU is at least ${FACTOR} times faster under at least half of the conditions, refuted if under none, otherwise a trend.`,
  zh: `前两个卷积层核数减半的四层网络，在 CIFAR-10 的前 ${PART} 张训练图像上，批大小 ${BATCH}，训练误差（逐轮统计）降到 25 % 时 tanh 与 ReLU 所需轮数之比，至多 ${MOST_EPOCHS} 轮；每种条件只在一处与第一种不同（输入尺度与相应的初始权重视为一处）；每种条件与激活函数取至少三个学习率中训练 ${SEARCH_EPOCHS} 轮后训练误差最低的一个（用单独的种子选出）；一个种子。在至少半数条件下 ReLU 快 ${FACTOR} 倍及以上为证实，没有一种条件如此为不成立，介于其间为趋势。`,
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
      ratios.map((one) => `${labelOf(one.condition)[language]} ${shown(one)}`).join(', ');
    const [measured, measuredZh] = [listed('en'), listed('zh')];
    if (found.length === 0) return { verdict: 'refuted', measured, measuredZh };
    return {
      verdict: 2 * found.length >= CONDITIONS.length ? 'confirmed' : 'trend only',
      measured,
      measuredZh,
      reason: {
        en: `${found.length} of ${CONDITIONS.length} conditions: ${names(found, 'en')}`,
        zh: `${CONDITIONS.length} 种条件中的 ${found.length} 种：${names(found, 'zh')}`,
      },
    };
  },
};
