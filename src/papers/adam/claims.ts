import type { Claim, Judgement, Text } from '../claims/claim.js';
import { unmeasured } from '../claims/kinds.js';
import type { Result, Results } from '../claims/result.js';
import { show, summarise } from '../claims/statistics.js';
import { countedClaims } from './claims-counted.js';
import {
  BETA2,
  BIAS_EPOCHS,
  biasCost,
  biasJobs,
  CONV,
  comparisonJobs,
  EXPONENTS,
  type Experiment,
  LOGISTIC,
  lastCost,
  type Method,
  measuredResults,
  measuredVariant,
  TWO_LAYER,
} from './experiments.js';

const SGD = 'SGD with Nesterov momentum';

const PART: Text = {
  en: '5,000 of the 50,000 images, a quarter of the kernels, 8 epochs instead of 45, one seed',
  zh: '只用 50,000 张图像中的 5,000 张、四分之一卷积核、8 轮而非 45 轮、一个种子',
};
const DIGITS: Text = { en: 'on 8,000 training digits', zh: '用 8,000 张训练图像' };

type Cost = (result: Result) => number;

const after =
  (epoch: number): Cost =>
  (result) =>
    lastCost({ diverged: result.diverged, epochs: result.epochs.slice(0, epoch) });

/** Mean cost of a method over its seeds. */
const costOf = (experiment: Experiment, method: Method, cost: Cost, results: Results) =>
  summarise(measuredResults(experiment, method, results).map(cost));

const NAMES: Readonly<Record<Method, string>> = {
  [SGD]: 'SGD-Nesterov',
  AdaGrad: 'AdaGrad',
  RMSProp: 'RMSProp',
  Adam: 'Adam',
};

/** `Adam (lr 0.001) 0.012 ± 0.001` */
const described = (experiment: Experiment, method: Method, cost: Cost, results: Results): string =>
  `${NAMES[method]} (lr ${measuredVariant(experiment, method, results)!.training.lr}) ${show(costOf(experiment, method, cost, results), 4)}`;

/** A claim that some optimizers end lower than others. */
function ordered(
  claim: Pick<Claim, 'id' | 'section' | 'statement' | 'paperSays' | 'rule' | 'order'>,
  {
    experiment,
    pairs,
    cost = lastCost,
    limit,
  }: {
    readonly experiment: Experiment;
    /** The first of each pair has to be the lower one. */
    readonly pairs: readonly (readonly [lower: Method, higher: Method])[];
    readonly cost?: Cost;
    /** What makes it a trend at most. */
    readonly limit?: Text;
  },
): Claim {
  const methods = [...new Set(pairs.flat())];
  return {
    ...claim,
    jobs: (results) => comparisonJobs(experiment, methods, results),
    judge: (results): Judgement => {
      const kept = pairs.filter(
        ([lower, higher]) =>
          costOf(experiment, lower, cost, results).mean < costOf(experiment, higher, cost, results).mean,
      );
      const measured = methods.map((method) => described(experiment, method, cost, results)).join(' · ');
      const holds = kept.length === pairs.length;
      if (!limit) return { verdict: holds ? 'confirmed' : 'refuted', measured };
      const direction: Text = holds
        ? { en: 'in the paper’s direction', zh: '方向与论文一致' }
        : {
            en: `${kept.length} of ${pairs.length} comparisons in the paper’s direction`,
            zh: `${pairs.length} 项比较中有 ${kept.length} 项方向与论文一致`,
          };
      return {
        verdict: 'trend only',
        measured,
        reason: { en: `${direction.en}; ${limit.en}`, zh: `${direction.zh}；${limit.zh}` },
      };
    },
  };
}

const comparisons: Claim[] = [
  ordered(
    {
      id: 'logistic-adagrad',
      section: '6.1, figure 1',
      order: 1,
      statement: {
        en: 'In logistic regression on MNIST, Adam and SGD with momentum converge faster than AdaGrad.',
        zh: 'MNIST 逻辑回归中，Adam 与带动量的 SGD 收敛都快于 AdaGrad。',
      },
      paperSays: 'Adam, SGD < AdaGrad',
      rule: {
        en: `mean training cost of epoch ${LOGISTIC.epochs} ${DIGITS.en}, two seeds, the best rate of each; confirmed if both are lower than AdaGrad’s`,
        zh: `第 ${LOGISTIC.epochs} 轮的平均训练代价（${DIGITS.zh}，两个种子，各取最佳学习率）；两者都低于 AdaGrad 即证实`,
      },
    },
    {
      experiment: LOGISTIC,
      pairs: [
        ['Adam', 'AdaGrad'],
        [SGD, 'AdaGrad'],
      ],
    },
  ),
  {
    id: 'logistic-similar',
    section: '6.1, figure 1',
    order: 1,
    statement: {
      en: 'There, Adam converges similarly to SGD with momentum.',
      zh: '其中 Adam 与带动量的 SGD 收敛情况相近。',
    },
    paperSays: 'Adam ≈ SGD',
    rule: {
      en: `their training costs in epoch ${LOGISTIC.epochs} differ by at most a tenth`,
      zh: `两者第 ${LOGISTIC.epochs} 轮的训练代价相差不超过十分之一`,
    },
    jobs: (results) => comparisonJobs(LOGISTIC, ['Adam', SGD], results),
    judge: (results) => {
      const [adam, sgd] = (['Adam', SGD] as const).map(
        (method) => costOf(LOGISTIC, method, lastCost, results).mean,
      ) as [number, number];
      const ratio = adam / sgd;
      return {
        verdict: ratio > 0.9 && ratio < 1.1 ? 'confirmed' : 'refuted',
        measured: `${described(LOGISTIC, 'Adam', lastCost, results)} · ${described(LOGISTIC, SGD, lastCost, results)}: × ${ratio.toFixed(2)}`,
      };
    },
  },
  ordered(
    {
      id: 'two-layer',
      section: '6.2, figure 2',
      order: 2,
      statement: {
        en: 'On two hidden layers with dropout, Adam converges better than the other methods.',
        zh: '在带 dropout 的两层网络上，Adam 的收敛优于其他方法。',
      },
      paperSays: 'Adam < AdaGrad, RMSProp, SGD',
      rule: {
        en: `mean training cost of epoch ${TWO_LAYER.epochs} ${DIGITS.en}, with dropout, one seed, the best rate of each; confirmed if Adam’s is the lowest`,
        zh: `第 ${TWO_LAYER.epochs} 轮的平均训练代价（${DIGITS.zh}，含 dropout，一个种子，各取最佳学习率）；Adam 最低即证实`,
      },
    },
    {
      experiment: TWO_LAYER,
      pairs: [
        ['Adam', 'AdaGrad'],
        ['Adam', 'RMSProp'],
        ['Adam', SGD],
      ],
    },
  ),
  ordered(
    {
      id: 'conv-start',
      section: '6.3, figure 3 left',
      order: 3,
      statement: {
        en: 'In the first epochs of a convolutional network, Adam and AdaGrad lower the cost rapidly, ahead of SGD.',
        zh: '卷积网络训练的头几轮，Adam 与 AdaGrad 的代价下降很快，领先于 SGD。',
      },
      paperSays: 'Adam, AdaGrad < SGD',
      rule: {
        en: 'mean training cost of the first epoch; always a trend',
        zh: '第一轮的平均训练代价；只作趋势',
      },
    },
    {
      experiment: CONV,
      pairs: [
        ['Adam', SGD],
        ['AdaGrad', SGD],
      ],
      cost: after(1),
      limit: PART,
    },
  ),
  ordered(
    {
      id: 'conv-later',
      section: '6.3, figure 3 right',
      order: 3,
      statement: {
        en: 'Later, Adam and SGD converge considerably faster than AdaGrad.',
        zh: '此后 Adam 与 SGD 的收敛明显快于 AdaGrad。',
      },
      paperSays: 'Adam, SGD < AdaGrad',
      rule: {
        en: 'mean training cost of the last epoch; always a trend',
        zh: '最后一轮的平均训练代价；只作趋势',
      },
    },
    {
      experiment: CONV,
      pairs: [
        ['Adam', 'AdaGrad'],
        [SGD, 'AdaGrad'],
      ],
      limit: PART,
    },
  ),
  ordered(
    {
      id: 'conv-adam-sgd',
      section: '6.3, figure 3 right',
      order: 3,
      statement: {
        en: 'Adam is marginally better than SGD with momentum on it.',
        zh: '其上 Adam 略优于带动量的 SGD。',
      },
      paperSays: 'Adam < SGD',
      rule: {
        en: 'mean training cost of the last epoch; always a trend',
        zh: '最后一轮的平均训练代价；只作趋势',
      },
    },
    {
      experiment: CONV,
      pairs: [['Adam', SGD]],
      limit: PART,
    },
  ),
];

const cost = (value: number): string => (Number.isFinite(value) ? value.toFixed(1) : '∞');

/** The lowest cost over the step sizes, and where it is. */
function best(beta2: number, correction: 'on' | 'off', results: Results) {
  const costs = EXPONENTS.map((exponent) => biasCost(beta2, exponent, correction, results));
  const value = Math.min(...costs);
  return { value, exponent: EXPONENTS[costs.indexOf(value)]! };
}

const BIAS_LIMIT = {
  en: `${BIAS_EPOCHS} epochs of 8,000 digits, β₁ = 0.9, one seed`,
  zh: `8,000 张数字图像训练 ${BIAS_EPOCHS} 轮，β₁ = 0.9，一个种子`,
};

const bias: Claim[] = [
  {
    id: 'bias-instability',
    section: '6.4, figure 4',
    order: 2,
    statement: {
      en: 'With β₂ close to 1 and without the correction, training becomes unstable.',
      zh: 'β₂ 接近 1 而不校正偏差时，训练变得不稳定。',
    },
    paperSays: '—',
    rule: {
      en: `negated bound of the last epoch without against with correction, worst ratio over the three step sizes (${BIAS_LIMIT.en}); confirmed if it is above 1.1 for β₂ = 0.9999 and larger than for 0.99`,
      zh: `最后一轮下界取负，不校正与校正之比在三种步长中的最大值（${BIAS_LIMIT.zh}）；β₂ = 0.9999 时大于 1.1 且大于 0.99 时的值即证实`,
    },
    jobs: biasJobs,
    judge: (results) => {
      const ratios = BETA2.map((beta2) =>
        EXPONENTS.reduce((most, exponent) => {
          const [on, off] = (['on', 'off'] as const).map((c) => biasCost(beta2, exponent, c, results)) as [
            number,
            number,
          ];
          // Where both diverge, the correction changes nothing.
          return Number.isFinite(on) ? Math.max(most, off / on) : most;
        }, 0),
      );
      const [low, high] = [ratios[0]!, ratios.at(-1)!];
      return {
        verdict: high > 1.1 && high > low ? 'confirmed' : 'refuted',
        measured: BETA2.map(
          (beta2, i) => `β₂ ${beta2}: × ${Number.isFinite(ratios[i]!) ? ratios[i]!.toFixed(2) : '∞'}`,
        ).join(' · '),
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
    paperSays: '—',
    rule: {
      en: `the lowest negated bound of all 18 training runs (${BIAS_LIMIT.en}); confirmed if it has the correction and β₂ of 0.999 or more`,
      zh: `18 次训练中最低的下界取负值（${BIAS_LIMIT.zh}）；若带校正且 β₂ 不小于 0.999 即证实`,
    },
    jobs: biasJobs,
    judge: (results) => {
      const all = BETA2.flatMap((beta2) =>
        (['on', 'off'] as const).map((correction) => ({
          beta2,
          correction,
          ...best(beta2, correction, results),
        })),
      );
      const lowest = all.reduce((a, b) => (b.value < a.value ? b : a));
      return {
        verdict: lowest.correction === 'on' && lowest.beta2 >= 0.999 ? 'confirmed' : 'refuted',
        measured: all
          .map(
            ({ beta2, correction, value, exponent }) =>
              `β₂ ${beta2} ${correction}: ${cost(value)} (1e${exponent})`,
          )
          .join(' · '),
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
    paperSays: '≤',
    rule: {
      en: `in how many of the 9 settings the negated bound with correction is at most 1 % higher (${BIAS_LIMIT.en}); confirmed if in all`,
      zh: `9 种设置中，校正后下界取负至多高 1 % 的有几种（${BIAS_LIMIT.zh}）；全部如此即证实`,
    },
    jobs: biasJobs,
    judge: (results) => {
      const settings = BETA2.flatMap((beta2) => EXPONENTS.map((exponent) => ({ beta2, exponent })));
      const worse = settings.filter(({ beta2, exponent }) => {
        const [on, off] = (['on', 'off'] as const).map((c) => biasCost(beta2, exponent, c, results)) as [
          number,
          number,
        ];
        return on > 1.01 * off;
      });
      const list = worse.map(
        ({ beta2, exponent }) =>
          `β₂ ${beta2}, 1e${exponent}: ${cost(biasCost(beta2, exponent, 'on', results))} / ${cost(biasCost(beta2, exponent, 'off', results))}`,
      );
      return {
        verdict: worse.length === 0 ? 'confirmed' : 'refuted',
        measured: [`${settings.length - worse.length}/${settings.length}`, ...list].join('; '),
      };
    },
  },
];

const elsewhere: Claim[] = [
  unmeasured({
    id: 'sparse-features',
    section: '6.1, figure 1',
    statement: {
      en: 'On sparse bags of words (IMDB reviews) Adam converges as fast as AdaGrad, and both faster than SGD.',
      zh: '在稀疏词袋特征（IMDB 影评）上，Adam 的收敛与 AdaGrad 一样快，都快于 SGD。',
    },
    paperSays: '—',
    rule: { en: '', zh: '' },
    needs: { en: 'needs the IMDB reviews', zh: '需要 IMDB 影评数据' },
  }),
  unmeasured({
    id: 'sfo',
    section: '6.2, figure 2',
    statement: {
      en: 'Adam makes faster progress than the sum-of-functions optimizer, in steps and in time.',
      zh: '无论按步数还是按时间，Adam 都比 sum-of-functions 优化器进展更快。',
    },
    paperSays: '—',
    rule: { en: '', zh: '' },
    needs: {
      en: 'needs that quasi-Newton method, which is not built here',
      zh: '需要该拟牛顿方法，此处没有实现',
    },
  }),
];

export const claims: readonly Claim[] = [...countedClaims, ...comparisons, ...bias, ...elsewhere];
