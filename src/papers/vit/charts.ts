import { type Chart, type SampleFigure, seriesOf, TEST_ERROR, TRAINING_ERROR } from '../claims/chart.js';
import type { Results } from '../claims/result.js';
import {
  distancesOf,
  EVERYWHERE,
  LAYERS,
  observed,
  residual,
  SEEDS,
  transformer,
  twoDirections,
  withoutPositions,
} from './experiments.js';

/** Whole pixels around all attention distances: they lie so close together that an axis from 0 would not tell them apart. */
function distanceRange(results: Results): readonly [from: number, to: number] {
  const all = observed(results).flatMap((result) =>
    Array.from({ length: LAYERS }, (_, i) => distancesOf(result, i + 1)).flat(),
  );
  return [
    Math.floor(all.reduce((a, b) => Math.min(a, b), EVERYWHERE)),
    Math.ceil(all.reduce((a, b) => Math.max(a, b), EVERYWHERE)),
  ];
}

/** Learning curves, and the paper's Figure 7 on the right. */
export const charts = (results: Results): Chart[] => {
  const [from, to] = distanceRange(results);
  return [
    {
      name: 'transformer-residual',
      title: {
        en: 'A small transformer and a residual network of the same size',
        zh: '小型 Transformer 与同等大小的残差网络',
      },
      yLabel: TRAINING_ERROR,
      series: [
        seriesOf(results, { en: 'transformer', zh: 'Transformer' }, transformer, SEEDS, 'trainError'),
        seriesOf(results, { en: 'residual', zh: '残差网络' }, residual, SEEDS, 'trainError'),
      ],
    },
    {
      name: 'positions',
      title: {
        en: 'Test error by position embedding',
        zh: '不同位置嵌入的测试误差',
      },
      yLabel: TEST_ERROR,
      series: [
        seriesOf(results, { en: 'none', zh: '无' }, withoutPositions, SEEDS, 'testError'),
        seriesOf(results, { en: '1-D', zh: '一维' }, transformer, SEEDS, 'testError'),
        seriesOf(results, { en: '2-D', zh: '二维' }, twoDirections, SEEDS, 'testError'),
      ],
    },
    {
      name: 'figure-7-distance',
      title: {
        en: 'Figure 7 reproduced: attention distance of each head',
        zh: '复现图 7：各注意力头的注意力距离',
      },
      xLabel: { en: 'layer', zh: '层' },
      yLabel: {
        en: `mean distance in pixels; the axis begins at ${from}; line: attention everywhere alike`,
        zh: `平均距离（像素）；纵轴从 ${from} 开始；虚线：处处同等关注`,
      },
      unit: '',
      range: [from, to],
      mark: EVERYWHERE,
      dots: true,
      series: observed(results).map((result) => ({
        label: { en: `seed ${result.seed}`, zh: `种子 ${result.seed}` },
        points: Array.from({ length: LAYERS }, (_, i) =>
          distancesOf(result, i + 1).map((value) => ({ step: i + 1, value })),
        ).flat(),
      })),
    },
  ];
};

/** Figure 7 on the left and in the centre. */
export const samples = (): SampleFigure[] => [
  {
    name: 'figure-7-filters',
    title: {
      en: 'Figure 7 reproduced: filters of the patches',
      zh: '复现图 7：图块嵌入的滤波器',
    },
    job: { variant: transformer, seed: 0 },
    set: 'filters',
  },
  {
    name: 'figure-7-positions',
    title: {
      en: 'Figure 7 reproduced: similarity of positions',
      zh: '复现图 7：位置之间的相似度',
    },
    job: { variant: transformer, seed: 0 },
    set: 'position similarity',
  },
];
