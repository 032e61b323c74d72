import { grouped } from '../../errors/counted.js';
import {
  type Chart,
  type RatioChart,
  seriesOf,
  TEST,
  TEST_ERROR,
  TRAINING,
  TRAINING_ERROR,
} from '../claims/chart.js';
import { type Text, textOf } from '../claims/claim.js';
import type { Results } from '../claims/result.js';
import { labelOf, MOST_EPOCHS, PART, ratiosOf } from './conditions.js';
import { measuredCurve, type Start, TARGET } from './figure1.js';
import { ACTIVATIONS, type Activation } from './layers.js';
import * as variants from './variants.js';

const SEEDS = [0, 1, 2];

const NAMES: Readonly<Record<Activation, Text>> = {
  relu: textOf('ReLU'),
  'leaky-relu': textOf('LeakyReLU'),
  tanh: textOf('tanh'),
  'scaled-tanh': { en: 'scaled tanh', zh: '缩放的 tanh' },
  sigmoid: textOf('sigmoid'),
};

const figure1 = (results: Results, name: string, start: Start, title: Chart['title']): Chart => ({
  name,
  title,
  yLabel: TRAINING_ERROR,
  mark: TARGET,
  series: ACTIVATIONS.flatMap((activation) => {
    const measured = measuredCurve({ activation, start }, results);
    if (!measured) return [];
    const [{ en, zh }, { lr }] = [NAMES[activation], measured.variant.training];
    const label = { en: `${en}, lr ${lr}`, zh: `${zh}，lr ${lr}` };
    return [seriesOf(results, label, measured.variant, measured.seeds, 'trainError')];
  }),
});

/** Learning curves behind AlexNet's claims on CIFAR-10. */
export const charts = (results: Results): Chart[] => [
  figure1(results, 'figure-1', 'kaiming', {
    en: 'Figure 1 reproduced: four-layer network, three seeds, initialisation scaled to the activation',
    zh: '复现图 1：四层网络，三个种子，初始权重按激活函数缩放',
  }),
  figure1(results, 'figure-1-small-start', 'cuda-convnet', {
    en: 'Figure 1 reproduced from the small initial weights of cuda-convnet',
    zh: '复现图 1：采用 cuda-convnet 的小初始权重',
  }),
  {
    name: 'normalisation',
    title: {
      en: 'Four-layer network without normalisation, with LRN, with batch norm; three seeds',
      zh: '四层网络：无归一化、LRN、批归一化；三个种子',
    },
    yLabel: TEST_ERROR,
    series: [
      seriesOf(results, { en: 'none', zh: '无' }, variants.plainNet, SEEDS, 'testError'),
      seriesOf(results, 'LRN', variants.lrnNet, SEEDS, 'testError'),
      seriesOf(results, { en: 'batch norm', zh: '批归一化' }, variants.batchNormNet, SEEDS, 'testError'),
    ],
  },
  {
    name: 'notes-10-epochs',
    title: {
      en: 'Ten epochs of the training template, AlexNet at 224 × 224',
      zh: '训练模板的十轮：224 × 224 的 AlexNet',
    },
    yLabel: { en: 'error', zh: '误差' },
    series: [
      seriesOf(results, TRAINING, variants.notesTenEpochs, [0], 'trainError'),
      seriesOf(results, TEST, variants.notesTenEpochs, [0], 'testError'),
    ],
  },
];

/** Figure 1 under other conditions. */
export const ratios = (results: Results): RatioChart[] => [
  {
    name: 'figure-1-conditions',
    title: {
      en: `Figure 1 under other conditions: ${grouped(PART)} images, one seed`,
      zh: `其他条件下的图 1：${grouped(PART)} 张图像，一个种子`,
    },
    subtitle: {
      en: `epochs to ${TARGET} % training error (at most ${MOST_EPOCHS}), tanh / ReLU`,
      zh: `训练误差降到 ${TARGET} % 所需轮数（至多 ${MOST_EPOCHS}），tanh / ReLU`,
    },
    sides: [
      { en: 'tanh is faster', zh: 'tanh 更快' },
      { en: 'ReLU is faster', zh: 'ReLU 更快' },
    ],
    mark: { value: 6, label: { en: 'the paper: 6', zh: '论文：6' } },
    rows: ratiosOf(results).map(({ condition, ...ratio }) => ({ ...ratio, label: labelOf(condition) })),
  },
];
