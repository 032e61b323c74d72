import type { Claim, Judgement, Text } from '../claims/claim.js';
import { measuredIn } from '../claims/kinds.js';
import type { Result, Results } from '../claims/result.js';
import { difference, isClear, type Summary, show, summarise } from '../claims/statistics.js';
import {
  ALL_FALLING,
  CONV,
  comparisonJobs,
  type Experiment,
  LOGISTIC,
  lastCost,
  METHODS,
  type Method,
  measuredResults,
  measuredVariant,
  NAMES,
  searchOf,
  TWO_LAYER,
} from './experiments.js';

const SGD = 'SGD with Nesterov momentum';

type Cost = (result: Result) => number;

const after =
  (epoch: number): Cost =>
  (result) =>
    lastCost({ diverged: result.diverged, epochs: result.epochs.slice(0, epoch) });

/** Mean cost of a method over its seeds. */
const costOf = (experiment: Experiment, method: Method, cost: Cost, results: Results): Summary =>
  summarise(measuredResults(experiment, method, results).map(cost));

/** `Adam (lr 0.001) 0.012 ± 0.001` */
const described = (experiment: Experiment, method: Method, cost: Cost, results: Results): string => {
  const costs = costOf(experiment, method, cost, results);
  const shown = Number.isFinite(costs.mean) ? show(costs, 4) : '∞';
  return `${NAMES[method]} (lr ${measuredVariant(experiment, method, results)!.training.lr}) ${shown}`;
};

/** A smaller difference, as a share of the lower cost, is a tie. */
const LEAST = 0.02;
const COUNTS: Text = {
  en: `a difference of more than ${100 * LEAST} % and, with several seeds, of more than twice its standard error counts`,
  zh: `差异超过 ${100 * LEAST} %，且在多个种子时超过其标准误的两倍，才算数`,
};

/** Whether one cost is lower than another by a difference that counts; 0 for a tie. */
export function order(a: Summary, b: Summary): -1 | 0 | 1 {
  if (a.mean === b.mean) return 0;
  const gain = difference(b, a);
  const isLarge = Math.abs(gain.value) > LEAST * Math.min(a.mean, b.mean);
  const isNoise = Number.isFinite(gain.error) && !isClear(gain);
  if (!isLarge || isNoise) return 0;
  return gain.value > 0 ? -1 : 1;
}

/** A verdict on rates none of which is the best of a list that ends with it. */
function judged(experiment: Experiment, judge: (results: Results) => Judgement) {
  return (results: Results): Judgement => {
    const method = METHODS.find((each) => searchOf(experiment, each, results).isAtEnd);
    if (!method) return judge(results);
    const lr = measuredVariant(experiment, method, results)!.training.lr;
    return {
      verdict: 'not measured',
      measured: '',
      reason: {
        en: `the best rate of ${NAMES[method]}, ${lr}, is at the end of the list, and a better one may lie beyond`,
        zh: `${NAMES[method]} 的最佳学习率 ${lr} 位于候选值的一端，更好的可能在其外`,
      },
    };
  };
}

interface Comparison {
  readonly experiment: Experiment;
  /** The first of each pair has to be the lower one. */
  readonly pairs: readonly (readonly [lower: Method, higher: Method])[];
  readonly cost?: Cost;
  /** What is smaller than in the paper. */
  readonly conditions: Text;
  /** Whether that makes it a trend at most. */
  readonly isTrend?: boolean;
}

const pairsIn = (pairs: Comparison['pairs'], [en, zh]: readonly [string, string]): Text => {
  const names = (joint: string) => pairs.map(([a, b]) => `${NAMES[a]}${joint}${NAMES[b]}`);
  return { en: names(en).join(', '), zh: names(zh).join('、') };
};

/** A claim that some optimizers end lower than others. */
function ordered(
  claim: Pick<Claim, 'id' | 'section' | 'statement' | 'paperSays' | 'rule' | 'order'>,
  { experiment, pairs, cost = lastCost, conditions, isTrend = false }: Comparison,
): Claim {
  return {
    ...claim,
    rule: { en: `${claim.rule.en}; ${COUNTS.en}`, zh: `${claim.rule.zh}；${COUNTS.zh}` },
    jobs: (results) => comparisonJobs(experiment, METHODS, results),
    judge: judged(experiment, (results) => {
      const costs = new Map(METHODS.map((method) => [method, costOf(experiment, method, cost, results)]));
      const found = (wanted: -1 | 0 | 1) =>
        pairs.filter(([lower, higher]) => order(costs.get(lower)!, costs.get(higher)!) === wanted);
      const [ties, against] = [found(0), found(1)];
      const [tied, reverse] = [pairsIn(ties, [' and ', ' 与 ']), pairsIn(against, [' behind ', ' 落后于 '])];
      const notes: Text[] = [
        ...(against.length > 0 ? [reverse] : []),
        ...(ties.length > 0 ? [{ en: `a tie: ${tied.en}`, zh: `不分高下：${tied.zh}` }] : []),
        ...(isTrend && ties.length + against.length === 0
          ? [{ en: 'in the paper’s direction', zh: '方向与论文一致' }]
          : []),
        conditions,
      ];
      const plain = against.length > 0 ? 'refuted' : ties.length > 0 ? 'trend only' : 'confirmed';
      return {
        verdict: isTrend ? 'trend only' : plain,
        measured: METHODS.map((method) => described(experiment, method, cost, results)).join(', '),
        reason: {
          en: notes.map(({ en }) => en).join('; '),
          zh: notes.map(({ zh }) => zh).join('；'),
        },
      };
    }),
  };
}

const RATES: Text = { en: 'the best rate of each', zh: '各取最佳学习率' };
const LOGISTIC_SIZE: Text = {
  en: `8,000 of the 60,000 digits, ${LOGISTIC.epochs} epochs, ${LOGISTIC.seeds.length} seeds`,
  zh: `60,000 个数字中的 8,000 个，${LOGISTIC.epochs} 轮，${LOGISTIC.seeds.length} 个种子`,
};
const TWO_LAYER_SIZE: Text = {
  en: `8,000 of the 60,000 digits, ${TWO_LAYER.epochs} epochs instead of 200, ${TWO_LAYER.seeds.length} seeds`,
  zh: `60,000 个数字中的 8,000 个，${TWO_LAYER.epochs} 轮而非 200 轮，${TWO_LAYER.seeds.length} 个种子`,
};
const CONV_SIZE: Text = {
  en: `5,000 of the 50,000 images, a quarter of the kernels, ${CONV.epochs} epochs instead of 45, one seed`,
  zh: `50,000 张图像中的 5,000 张，四分之一卷积核，${CONV.epochs} 轮而非 45 轮，一个种子`,
};

export const comparisons: Claim[] = [
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
        en: `mean training cost of epoch ${LOGISTIC.epochs}, ${RATES.en}, AdaGrad’s without a further fall; confirmed if both are lower than AdaGrad’s, refuted if one is higher`,
        zh: `第 ${LOGISTIC.epochs} 轮的平均训练代价（${RATES.zh}，AdaGrad 的不再另外递减）；两者都低于 AdaGrad 即证实，有一个更高即不成立`,
      },
    },
    {
      experiment: LOGISTIC,
      pairs: [
        ['Adam', 'AdaGrad'],
        [SGD, 'AdaGrad'],
      ],
      conditions: LOGISTIC_SIZE,
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
    jobs: (results) => [
      ...comparisonJobs(LOGISTIC, METHODS, results),
      ...comparisonJobs(ALL_FALLING, ['AdaGrad'], results),
    ],
    judge: judged(LOGISTIC, (results) => {
      const methods = ['Adam', SGD] as const;
      const [adam, sgd] = methods.map((method) => costOf(LOGISTIC, method, lastCost, results).mean) as [
        number,
        number,
      ];
      const ratio = adam / sgd;
      const shown = methods.map((method) => described(LOGISTIC, method, lastCost, results)).join(', ');
      return {
        verdict: ratio > 0.9 && ratio < 1.1 ? 'confirmed' : 'refuted',
        ...measuredIn({
          en: `${shown}: ratio ${ratio.toFixed(2)}`,
          zh: `${shown}：比值 ${ratio.toFixed(2)}`,
        }),
        reason: LOGISTIC_SIZE,
      };
    }),
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
        en: `mean training cost of epoch ${TWO_LAYER.epochs} with dropout, ${RATES.en}; confirmed if Adam’s is the lowest, refuted if another is lower`,
        zh: `第 ${TWO_LAYER.epochs} 轮的平均训练代价（含 dropout，${RATES.zh}）；Adam 最低即证实，有更低者即不成立`,
      },
    },
    {
      experiment: TWO_LAYER,
      pairs: [
        ['Adam', 'AdaGrad'],
        ['Adam', 'RMSProp'],
        ['Adam', SGD],
      ],
      conditions: TWO_LAYER_SIZE,
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
        en: 'mean training cost of the first epoch at the rates that are best after the last; always a trend',
        zh: '第一轮的平均训练代价，学习率为最后一轮时的最佳者；只作趋势',
      },
    },
    {
      experiment: CONV,
      pairs: [
        ['Adam', SGD],
        ['AdaGrad', SGD],
      ],
      cost: after(1),
      conditions: CONV_SIZE,
      isTrend: true,
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
      conditions: CONV_SIZE,
      isTrend: true,
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
      conditions: CONV_SIZE,
      isTrend: true,
    },
  ),
];
