import { type Chart, curvesOf } from '../claims/chart.js';
import type { Text } from '../claims/claim.js';
import type { Results } from '../claims/result.js';
import {
  BETA2,
  biasCost,
  CONV,
  CORRECTIONS,
  EXPONENTS,
  type Experiment,
  LOGISTIC,
  METHODS,
  measuredResults,
  measuredVariant,
  TWO_LAYER,
} from './experiments.js';

const COST: Text = { en: 'training cost', zh: '训练代价' };

const SHORT: Readonly<Record<(typeof METHODS)[number], string>> = {
  'SGD with Nesterov momentum': 'SGD-Nesterov',
  AdaGrad: 'AdaGrad',
  RMSProp: 'RMSProp',
  Adam: 'Adam',
};

const CORRECTED: Readonly<Record<(typeof CORRECTIONS)[number], Text>> = {
  on: { en: 'corrected', zh: '有校正' },
  off: { en: 'not corrected', zh: '无校正' },
};

const comparison = (name: string, title: Text, experiment: Experiment, results: Results): Chart => ({
  name,
  title,
  yLabel: COST,
  log: true,
  series: METHODS.map((method) => {
    const lr = measuredVariant(experiment, method, results)?.training.lr;
    return curvesOf(
      `${SHORT[method]} ${lr ?? ''}`.trim(),
      measuredResults(experiment, method, results),
      ({ trainLoss }) => trainLoss,
    );
  }),
});

/** The costs of one panel of Figure 4 that are worth a place: those of training runs that did not diverge. */
const panel = (beta2: number, results: Results): Chart => ({
  name: `figure-4-beta2-${String(beta2).replace('.', '-')}`,
  title: {
    en: `Figure 4 reproduced: with and without correction of the bias, β₁ = 0.9, β₂ = ${beta2}`,
    zh: `复现图 4：有无偏差校正，β₁ = 0.9，β₂ = ${beta2}`,
  },
  xLabel: { en: 'log₁₀ of the step size', zh: '步长的 log₁₀' },
  yLabel: { en: 'negated bound, nats per image', zh: '变分下界取负（每张图像，nat）' },
  log: true,
  series: CORRECTIONS.map((correction) => ({
    label: CORRECTED[correction],
    points: EXPONENTS.flatMap((exponent) => {
      const value = biasCost(beta2, exponent, correction, results);
      return Number.isFinite(value) ? [{ step: exponent, value }] : [];
    }),
  })),
});

/** The paper's Figures 1 to 4. */
export const charts = (results: Results): Chart[] => [
  comparison(
    'figure-1-logistic',
    {
      en: 'Figure 1 reproduced: logistic regression on MNIST, two seeds',
      zh: '复现图 1：MNIST 上的逻辑回归，两个种子',
    },
    LOGISTIC,
    results,
  ),
  comparison(
    'figure-2-two-layer',
    {
      en: 'Figure 2 reproduced: two hidden layers with dropout on MNIST',
      zh: '复现图 2：MNIST 上带 dropout 的两层网络',
    },
    TWO_LAYER,
    results,
  ),
  comparison(
    'figure-3-conv',
    {
      en: 'Figure 3 reproduced: the convolutional network on CIFAR-10',
      zh: '复现图 3：CIFAR-10 上的卷积网络',
    },
    CONV,
    results,
  ),
  ...BETA2.map((beta2) => panel(beta2, results)),
];
