import { type Chart, curvesOf } from '../claims/chart.js';
import type { Text } from '../claims/claim.js';
import type { Results } from '../claims/result.js';
import {
  ALL_FALLING,
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
  NAMES,
  TWO_LAYER,
} from './experiments.js';

const COST: Text = { en: 'training cost', zh: '训练代价' };

const CORRECTED: Readonly<Record<(typeof CORRECTIONS)[number], Text>> = {
  on: { en: 'corrected', zh: '有校正' },
  off: { en: 'not corrected', zh: '无校正' },
};

interface Curves {
  readonly experiment: Experiment;
  /** Words after its name in the legend. */
  readonly words?: string;
}

/** Training costs over epochs: one curve for each seed of a method. */
const curve = (method: (typeof METHODS)[number], { experiment, words }: Curves, results: Results) => {
  const lr = measuredVariant(experiment, method, results)?.training.lr;
  return curvesOf(
    [NAMES[method], words, lr].filter((part) => part !== undefined).join(' '),
    measuredResults(experiment, method, results),
    ({ trainLoss }) => trainLoss,
  );
};

const comparison = (
  chart: Pick<Chart, 'name' | 'title' | 'range'>,
  experiment: Experiment,
  results: Results,
  others: Chart['series'] = [],
): Chart => ({
  ...chart,
  yLabel: COST,
  unit: '',
  dashed: true,
  series: [...METHODS.map((method) => curve(method, { experiment }, results)), ...others],
});

/** One β₂ of Figure 4. */
const panel = (beta2: number, results: Results): Chart => ({
  name: `figure-4-beta2-${String(beta2).replace('.', '-')}`,
  title: {
    en: `Figure 4 reproduced: with and without correction of the bias, β₁ = 0.9, β₂ = ${beta2}`,
    zh: `复现图 4：有无偏差校正，β₁ = 0.9，β₂ = ${beta2}`,
  },
  xLabel: { en: 'log₁₀ of the step size', zh: '步长的 log₁₀' },
  yLabel: { en: 'negated bound, nats per image', zh: '变分下界取负（每张图像，nat）' },
  unit: '',
  range: [120, 280],
  series: CORRECTIONS.map((correction) => ({
    label: CORRECTED[correction],
    points: EXPONENTS.map((exponent) => ({
      step: exponent,
      value: biasCost({ beta2, exponent }, correction, results),
    })).filter(({ value }) => !Number.isNaN(value)),
  })),
});

/** The paper's Figures 1 to 4. */
export const charts = (results: Results): Chart[] => [
  comparison(
    {
      name: 'figure-1-logistic',
      title: {
        en: 'Figure 1 reproduced: logistic regression on MNIST, three seeds',
        zh: '复现图 1：MNIST 上的逻辑回归，三个种子',
      },
      range: [0.1, 0.6],
    },
    LOGISTIC,
    results,
    [curve('AdaGrad', { experiment: ALL_FALLING, words: '/ √t' }, results)],
  ),
  comparison(
    {
      name: 'figure-2-two-layer',
      title: {
        en: 'Figure 2 reproduced: two hidden layers with dropout on MNIST, two seeds',
        zh: '复现图 2：MNIST 上带 dropout 的两层网络，两个种子',
      },
      range: [0.1, 0.4],
    },
    TWO_LAYER,
    results,
  ),
  comparison(
    {
      name: 'figure-3-conv',
      title: {
        en: 'Figure 3 reproduced: the convolutional network on CIFAR-10',
        zh: '复现图 3：CIFAR-10 上的卷积网络',
      },
      range: [1.4, 2.4],
    },
    CONV,
    results,
  ),
  ...BETA2.map((beta2) => panel(beta2, results)),
];
