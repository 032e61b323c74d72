import { type Chart, seriesOf, TEST_ERROR, TRAINING_ERROR } from '../claims/chart.js';
import type { Results } from '../claims/result.js';
import { variants } from './claims.js';

/** The paper's Figure 6, for the epochs trained here. */
export const charts = (results: Results): Chart[] => [
  {
    name: 'figure-6-training',
    title: {
      en: 'Plain and residual networks with 20 and 44 layers',
      zh: '20 层与 44 层的普通网络和残差网络',
    },
    yLabel: TRAINING_ERROR,
    series: variants.map((variant) => seriesOf(results, variant.id, variant, [0], 'trainError')),
  },
  {
    name: 'figure-6-test',
    title: {
      en: 'The same networks on the test images',
      zh: '同样的网络在测试图像上的误差',
    },
    yLabel: TEST_ERROR,
    series: variants.map((variant) => seriesOf(results, variant.id, variant, [0], 'testError')),
  },
];
