import { type Chart, curvesOf, type SampleFigure, TEST, TRAINING } from '../claims/chart.js';
import { type Text, withSeeds } from '../claims/claim.js';
import type { Results } from '../claims/result.js';
import { COMPARED, resultsIn, type Series, SIZES, variantOf } from './experiments.js';

const bound = (losses: Readonly<Record<string, number>> | undefined): number | undefined => {
  const { reconstruction, divergence } = losses ?? {};
  return reconstruction === undefined || divergence === undefined ? undefined : -reconstruction - divergence;
};

const labelOf = (algorithm: string, { en, zh }: Text): Text => ({
  en: `${algorithm}, ${en}`,
  zh: `${algorithm}，${zh}`,
});

/** The paper's Figure 2: one panel for each number of latent variables. */
const panel = (latent: number, results: Results): Chart => {
  const of = (algorithm: Series['algorithm']) => resultsIn({ algorithm, latent }, results);
  return {
    name: `figure-2-latent-${latent}`,
    title: {
      en: `Figure 2 reproduced: ${latent} latent variables`,
      zh: `复现图 2：${latent} 个隐变量`,
    },
    yLabel: { en: 'lower bound, nats per image', zh: '变分下界（每张图像，nat）' },
    unit: '',
    range: [-200, -110],
    series: [
      curvesOf(labelOf('AEVB', TRAINING), of('aevb'), ({ trainMetrics }) => bound(trainMetrics)),
      curvesOf(labelOf('AEVB', TEST), of('aevb'), ({ testMetrics }) => bound(testMetrics)),
      curvesOf(labelOf('wake-sleep', TRAINING), of('wake-sleep'), ({ trainMetrics }) => bound(trainMetrics)),
      curvesOf(labelOf('wake-sleep', TEST), of('wake-sleep'), ({ testMetrics }) => bound(testMetrics)),
    ],
  };
};

/** The lower bound over epochs. */
export const charts = (results: Results): Chart[] => [
  ...COMPARED.map((latent) => panel(latent, results)),
  {
    name: 'figure-2-sizes',
    title: {
      en: 'Test bound by the number of latent variables',
      zh: '不同隐变量个数的测试下界',
    },
    yLabel: { en: 'lower bound, nats per image', zh: '变分下界（每张图像，nat）' },
    unit: '',
    range: [-200, -110],
    series: SIZES.map((latent) =>
      curvesOf(String(latent), resultsIn({ algorithm: 'aevb', latent }, results), ({ testMetrics }) =>
        bound(testMetrics),
      ),
    ),
  },
];

const jobOf = (latent: number, results: Results) => {
  const variant = variantOf({ algorithm: 'aevb', latent }, results);
  return variant && withSeeds(variant, [0])[0]!;
};

/** The paper's Figures 4 and 5. */
export function samples(results: Results): SampleFigure[] {
  const figures = [2, 5, 10, 20].flatMap((latent) => {
    const job = jobOf(latent, results);
    if (!job) return [];
    return [
      {
        name: `figure-5-latent-${latent}`,
        title: {
          en: `Figure 5 reproduced: ${latent} latent variables`,
          zh: `复现图 5：${latent} 个隐变量`,
        },
        job,
      },
    ];
  });
  const plane = jobOf(2, results);
  const manifold = plane && {
    name: 'figure-4-manifold',
    title: {
      en: 'Figure 4 reproduced: the manifold of two latent variables',
      zh: '复现图 4：两个隐变量张成的流形',
    },
    job: plane,
    set: 'manifold',
  };
  return [...(manifold ? [manifold] : []), ...figures];
}
