import { Generator } from 'paperweight/core';
import type { Claim, Judgement, Text } from '../claims/claim.js';
import { counted, divergence as diverged, measuredIn, testMetric, unmeasured } from '../claims/kinds.js';
import type { Results } from '../claims/result.js';
import { show, summarise } from '../claims/statistics.js';
import {
  COMPARED,
  EPOCHS,
  jobsOf,
  PLANE_EPOCHS,
  resultsIn,
  type Series,
  SIZES,
  summaryOf,
  testLoss,
  trainLoss,
} from './experiments.js';

const aevb = (latent: number): Series => ({ algorithm: 'aevb', latent });
const wakeSleep = (latent: number): Series => ({ algorithm: 'wake-sleep', latent });
const FEW = aevb(20);
const MANY = aevb(200);
/** The latent space of Figure 4. */
const PLANE = aevb(2);
const FIVE_DRAWS: Series = { ...FEW, draws: 5 };

type Basics = Omit<Claim, 'jobs' | 'judge'>;

/** Whether the numbers are in the paper's direction, and what limits them. */
const limited = (holds: boolean, limit: Text): Text => ({
  en: `${holds ? 'in' : 'against'} the paper’s direction; ${limit.en}`,
  zh: `方向与论文${holds ? '一致' : '相反'}；${limit.zh}`,
});
const ONE_SEED: Text = { en: 'a single run of each', zh: '各只训练一次' };
const ONE_SIZE: Text = {
  en: `a single run of each, ${COMPARED.join(' and ')} latent variables; the paper compares five sizes`,
  zh: `各只训练一次，${COMPARED.join(' 个与 ')} 个隐变量；论文比较了五种维数`,
};

const WORDS = {
  en: { formula: 'formula', draws: 'draws', difference: 'test − training', test: 'test', epochs: 'epochs' },
  zh: { formula: '公式', draws: '采样', difference: '测试 − 训练', test: '测试', epochs: '轮' },
};

/** A measurement with words, in both languages. */
const inBoth = (text: (words: (typeof WORDS)['en']) => string): Pick<Judgement, 'measured' | 'measuredZh'> =>
  measuredIn({ en: text(WORDS.en), zh: text(WORDS.zh) });

/** A claim over series of training runs, whose step sizes are searched first. */
const measured = (
  claim: Basics,
  series: readonly Series[],
  rule: (results: Results) => Judgement,
): Claim => ({
  ...claim,
  jobs: (results) => jobsOf(series, results),
  judge: (results) => {
    const lost = series.find((one) => resultsIn(one, results).some((result) => result.diverged));
    return lost ? diverged(`${lost.algorithm} ${lost.latent}`) : rule(results);
  },
});

/** The bound itself, which is negative: `−105.3 ± 0.2`. */
const bound = (series: Series, results: Results): string => `−${show(summaryOf(series, results, testLoss))}`;

const sign = (value: number, digits = 2): string =>
  `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`;

const DRAWS = 100_000;

/** Means over draws of a standard normal variable. */
function averages(count: number, terms: (noise: number) => readonly number[]): number[][] {
  const generator = new Generator(1);
  const columns: number[][] = Array.from({ length: count }, () => []);
  for (let i = 0; i < DRAWS; i++)
    for (const [column, value] of terms(generator.normal(0, 1)).entries()) columns[column]!.push(value);
  return columns;
}

/** Parameters of the normal distributions that the two counted claims try. */
const CASES = [
  [0, 1],
  [1, 0.5],
  [-2, 0.1],
  [0.5, 2],
] as const;

const counting: Claim[] = [
  counted({
    id: 'divergence',
    section: 'appendix B',
    statement: {
      en: 'The divergence of a normal posterior from the prior is ½ Σ (μ² + σ² − 1 − log σ²) and needs no draws.',
      zh: '正态后验与先验之间的散度等于 ½ Σ (μ² + σ² − 1 − log σ²)，无需采样。',
    },
    paperSays: '=',
    rule: {
      en: `the formula lies within four standard errors of the mean of log q(z) − log p(z) over ${DRAWS.toLocaleString('en-US')} draws, for four normal distributions`,
      zh: `对四个正态分布，公式的值与 ${DRAWS.toLocaleString('en-US')} 次采样所得 log q(z) − log p(z) 的均值相差不超过四倍标准误`,
    },
    judge: () => {
      const found = CASES.map(([mean, deviation]) => {
        const formula = 0.5 * (mean ** 2 + deviation ** 2 - 1 - Math.log(deviation ** 2));
        const [values] = averages(1, (noise) => [
          -Math.log(deviation) - noise ** 2 / 2 + (mean + deviation * noise) ** 2 / 2,
        ]) as [number[]];
        const { mean: drawn, std } = summarise(values);
        return { formula, drawn, fits: Math.abs(drawn - formula) <= (4 * std) / Math.sqrt(DRAWS) + 1e-12 };
      });
      return {
        verdict: found.every(({ fits }) => fits) ? 'confirmed' : 'refuted',
        ...inBoth(({ formula, draws }) =>
          found
            .map((one) => `${formula} ${one.formula.toFixed(3)}, ${draws} ${one.drawn.toFixed(3)}`)
            .join(' · '),
        ),
      };
    },
  }),
  counted({
    id: 'gradient-variance',
    section: '2.2, 2.4',
    statement: {
      en: 'The gradient through reparameterised draws has far less variance than the usual estimator f(z) ∇ log q(z).',
      zh: '经重参数化采样得到的梯度，其方差远小于通常的估计量 f(z) ∇ log q(z)。',
    },
    paperSays: { en: 'far less variance', zh: '方差小得多' },
    rule: {
      en: `variance of both estimators of the gradient with respect to the mean, over ${DRAWS.toLocaleString('en-US')} draws, for f(z) = (z − 1)² and four normal distributions; always a trend`,
      zh: `取 f(z) = (z − 1)² 与四个正态分布，以 ${DRAWS.toLocaleString('en-US')} 次采样比较两种估计量对均值之梯度的方差；只作趋势`,
    },
    judge: () => {
      const ratios = CASES.map(([mean, deviation]) => {
        const [usual, through] = averages(2, (noise) => {
          const z = mean + deviation * noise;
          return [((z - 1) ** 2 * noise) / deviation, 2 * (z - 1)];
        }) as [number[], number[]];
        return (summarise(usual).std / summarise(through).std) ** 2;
      });
      const all = ratios.every((ratio) => ratio > 1);
      return {
        verdict: 'trend only',
        measured: ratios.map((ratio) => `× ${ratio.toFixed(1)}`).join(' · '),
        reason: all
          ? {
              en: 'in the paper’s direction; a quadratic function of one variable instead of a network',
              zh: '方向与论文一致；以一元二次函数代替网络',
            }
          : {
              en: 'not in all cases; a quadratic function of one variable instead of a network',
              zh: '并非在所有情形下成立；以一元二次函数代替网络',
            },
      };
    },
  }),
];

const training: Claim[] = [
  measured(
    {
      id: 'estimators',
      section: '2.3',
      order: 1,
      statement: {
        en: 'Estimator B, with the divergence in closed form, typically has less variance than the generic estimator A.',
        zh: '散度取闭式的估计量 B，方差通常小于一般的估计量 A。',
      },
      paperSays: 'B < A',
      rule: {
        en: 'variance over two draws for each test image after the last epoch, in nats²; confirmed if B’s is smaller for all five sizes, refuted if it is larger for most',
        zh: '训练结束后对每张测试图像采样两次所得的方差（nat²）；五种维数下 B 都更小即证实，多数更大即不成立',
      },
    },
    SIZES.map(aevb),
    (results) => {
      const pairs = SIZES.map((size) => {
        const of = (name: string) =>
          summaryOf(aevb(size), results, testMetric(`variance of estimator ${name}`)).mean;
        return { size, a: of('A'), b: of('B') };
      });
      const smaller = pairs.filter(({ a, b }) => b < a).length;
      return {
        verdict:
          smaller === pairs.length ? 'confirmed' : smaller < pairs.length / 2 ? 'refuted' : 'trend only',
        measured: pairs.map(({ size, a, b }) => `${size}: B ${b.toFixed(1)}, A ${a.toFixed(1)}`).join(' · '),
        ...(smaller === pairs.length
          ? {}
          : {
              reason: {
                en: `smaller for ${smaller} of ${pairs.length} sizes`,
                zh: `${pairs.length} 种维数中有 ${smaller} 种更小`,
              },
            }),
      };
    },
  ),
  measured(
    {
      id: 'one-draw',
      section: '2.3',
      order: 4,
      statement: {
        en: 'One draw for each image is enough if batches have 100 images.',
        zh: '每批 100 张图像时，每张图像采样一次就够了。',
      },
      paperSays: 'L = 1, M = 100',
      rule: {
        en: `test bound after ${EPOCHS} epochs with 20 latent variables, one and five draws, one seed; always a trend; in the paper’s direction if five draws gain less than 1 nat`,
        zh: `20 个隐变量训练 ${EPOCHS} 轮后的测试下界，采样一次与五次，一个种子；只作趋势；五次采样的增益不足 1 nat 即视为方向一致`,
      },
    },
    [FEW, FIVE_DRAWS],
    (results) => {
      const [one, five] = [FEW, FIVE_DRAWS].map((series) => summaryOf(series, results, testLoss)) as [
        ReturnType<typeof summarise>,
        ReturnType<typeof summarise>,
      ];
      const gain = one.mean - five.mean;
      return {
        verdict: 'trend only',
        measured: `L = 1 −${show(one)}, L = 5 −${show(five)}: ${sign(gain)} nat`,
        reason: limited(gain < 1, ONE_SEED),
      };
    },
  ),
  measured(
    {
      id: 'more-latent',
      section: '5, figure 2',
      order: 1,
      statement: {
        en: 'The bound rises with the number of latent variables from 3 over 5 and 10 to 20.',
        zh: '隐变量从 3、5、10 增至 20 时，下界依次升高。',
      },
      paperSays: '3 < 5 < 10 < 20',
      rule: {
        en: `test bound in nats after ${EPOCHS} epochs, one seed; confirmed if they are in this order`,
        zh: `训练 ${EPOCHS} 轮后的测试下界（nat），一个种子；依此次序即证实`,
      },
    },
    SIZES.slice(0, 4).map(aevb),
    (results) => {
      const sizes = SIZES.slice(0, 4);
      const losses = sizes.map((size) => summaryOf(aevb(size), results, testLoss).mean);
      return {
        verdict: losses.every((loss, i) => i === 0 || loss < losses[i - 1]!) ? 'confirmed' : 'refuted',
        measured: sizes.map((size) => `${size}: ${bound(aevb(size), results)}`).join(' · '),
      };
    },
  ),
  measured(
    {
      id: 'superfluous',
      section: '5',
      order: 1,
      statement: {
        en: 'Superfluous latent variables do not lead to overfitting.',
        zh: '多余的隐变量不会造成过拟合。',
      },
      paperSays: { en: 'no overfitting', zh: '不会过拟合' },
      rule: {
        en: `by how much the test bound after ${EPOCHS} epochs is below the training bound over the last epoch, one seed; in the paper’s direction if at most 1 nat more with 200 latent variables than with 20; always a trend`,
        zh: `训练 ${EPOCHS} 轮后的测试下界比最后一轮的训练下界低多少，一个种子；200 个隐变量比 20 个至多多出 1 nat 即视为方向一致；只作趋势`,
      },
    },
    [FEW, MANY],
    (results) => {
      const gap = (result: Parameters<typeof testLoss>[0]) => testLoss(result) - trainLoss(result);
      const [few, many] = [FEW, MANY].map((series) => summaryOf(series, results, gap).mean) as [
        number,
        number,
      ];
      const holds = many <= few + 1;
      const behind = summaryOf(MANY, results, testLoss).mean - summaryOf(FEW, results, testLoss).mean;
      return {
        verdict: 'trend only',
        ...inBoth(
          ({ difference, test }) =>
            `${difference} 20: ${sign(-few)}, 200: ${sign(-many)} nat; ${test} 20: ${bound(FEW, results)}, 200: ${bound(MANY, results)}`,
        ),
        reason: {
          en: `${holds ? 'in' : 'against'} the paper’s direction; after ${EPOCHS} epochs the bound with 200 variables is ${Math.abs(behind).toFixed(1)} nat ${behind > 0 ? 'below' : 'above'} that with 20`,
          zh: `方向与论文${holds ? '一致' : '相反'}；${EPOCHS} 轮后 200 个隐变量的下界比 20 个${behind > 0 ? '低' : '高'} ${Math.abs(behind).toFixed(1)} nat`,
        },
      };
    },
  ),
  measured(
    {
      id: 'unused',
      section: '5',
      order: 1,
      statement: {
        en: 'The bound regularises by itself: latent variables that are not needed are not used.',
        zh: '变分下界自带正则作用：不需要的隐变量不会被使用。',
      },
      paperSays: { en: 'not used', zh: '不会被使用' },
      rule: {
        en: 'divergence of the posterior from the prior with 20 and 200 latent variables, one seed; in the paper’s direction if ten times as many variables carry at most half as much again; always a trend',
        zh: '20 个与 200 个隐变量时后验与先验的散度，一个种子；变量多至十倍而散度至多增加一半即视为方向一致；只作趋势',
      },
    },
    [FEW, MANY],
    (results) => {
      const [few, many] = [FEW, MANY].map((series) =>
        summaryOf(series, results, testMetric('divergence')),
      ) as [ReturnType<typeof summarise>, ReturnType<typeof summarise>];
      return {
        verdict: 'trend only',
        measured: `20: ${show(few)} nat, 200: ${show(many)} nat`,
        reason: limited(many.mean <= 1.5 * few.mean, {
          en: `${ONE_SEED.en}; the additional variables ${many.mean > few.mean ? `carry ${(many.mean - few.mean).toFixed(1)} nat more` : 'carry nothing more'}`,
          zh: `${ONE_SEED.zh}；${many.mean > few.mean ? `多出的变量仍带来 ${(many.mean - few.mean).toFixed(1)} nat` : '多出的变量没有带来更多信息'}`,
        }),
      };
    },
  ),
  measured(
    {
      id: 'better-than-wake-sleep',
      section: '5, figure 2',
      order: 2,
      statement: {
        en: 'AEVB reaches a better bound than the wake-sleep algorithm in all experiments.',
        zh: '在所有实验中，AEVB 达到的下界都优于 wake-sleep 算法。',
      },
      paperSays: 'AEVB > wake-sleep',
      rule: {
        en: `training and test bound after ${EPOCHS} epochs with ${COMPARED.join(' and ')} latent variables, one seed, each algorithm with the best of its step sizes; always a trend`,
        zh: `${COMPARED.join(' 个与 ')} 个隐变量训练 ${EPOCHS} 轮后的训练下界与测试下界，一个种子，两种算法各用其最佳步长；只作趋势`,
      },
    },
    COMPARED.flatMap((size) => [aevb(size), wakeSleep(size)]),
    (results) => {
      const better = COMPARED.filter((size) =>
        [trainLoss, testLoss].every(
          (loss) =>
            summaryOf(aevb(size), results, loss).mean < summaryOf(wakeSleep(size), results, loss).mean,
        ),
      );
      return {
        verdict: 'trend only',
        measured: COMPARED.map(
          (size) =>
            `${size}: AEVB ${bound(aevb(size), results)}, wake-sleep ${bound(wakeSleep(size), results)}`,
        ).join(' · '),
        reason: limited(better.length === COMPARED.length, ONE_SIZE),
      };
    },
  ),
  measured(
    {
      id: 'faster-than-wake-sleep',
      section: '5, figure 2',
      order: 2,
      statement: {
        en: 'AEVB converges considerably faster than the wake-sleep algorithm.',
        zh: 'AEVB 的收敛明显快于 wake-sleep 算法。',
      },
      paperSays: { en: 'considerably faster', zh: '明显更快' },
      rule: {
        en: 'epochs after which AEVB has passed the best test bound of wake-sleep; in the paper’s direction if at most half of the epochs that wake-sleep took, with 20 latent variables, one seed; always a trend',
        zh: 'AEVB 超过 wake-sleep 最佳测试下界所用的轮数；20 个隐变量时不超过 wake-sleep 所用轮数的一半即视为方向一致，一个种子；只作趋势',
      },
    },
    COMPARED.flatMap((size) => [aevb(size), wakeSleep(size)]),
    (results) => {
      const times = COMPARED.map((size) => {
        const [own, other] = [aevb(size), wakeSleep(size)].map((series) =>
          resultsIn(series, results)[0]!.epochs.map(lossOf),
        ) as [number[], number[]];
        const best = Math.min(...other);
        const reached = own.findIndex((loss) => loss <= best);
        return {
          size,
          mine: reached < 0 ? Number.POSITIVE_INFINITY : reached + 1,
          other: other.indexOf(best) + 1,
        };
      });
      return {
        verdict: 'trend only',
        ...inBoth(({ epochs }) =>
          times
            .map(
              ({ size, mine, other }) =>
                `${size}: AEVB ${Number.isFinite(mine) ? mine : `> ${EPOCHS}`}, wake-sleep ${other} ${epochs}`,
            )
            .join(' · '),
        ),
        reason: limited(
          times.every(({ mine, other }) => mine <= other / 2),
          ONE_SIZE,
        ),
      };
    },
  ),
  measured(
    {
      id: 'projection',
      section: '5, appendix A',
      order: 3,
      statement: {
        en: 'With two latent variables the encoder projects the images onto a manifold that can be looked at (Figure 4).',
        zh: '隐变量只有两个时，编码器把图像投影到可供观察的流形上（图 4）。',
      },
      paperSays: { en: 'Figure 4', zh: '图 4' },
      rule: {
        en: `share of test images whose nearest code among 100 belongs to the same digit, two latent variables, ${PLANE_EPOCHS} epochs, one seed; the paper gives no number, so always a trend, in its direction from 20 %, twice chance`,
        zh: `两个隐变量训练 ${PLANE_EPOCHS} 轮后，测试图像在每批 100 个编码中最近者属同一数字的比例，一个种子；论文没有给出数字，因此只作趋势，达到 20 %（随机猜测的两倍）即视为方向一致`,
      },
    },
    [PLANE],
    (results) => {
      const share = summaryOf(PLANE, results, testMetric('neighbours of the same digit'));
      return {
        verdict: 'trend only',
        measured: `${show(share)} %`,
        reason: limited(share.mean >= 20, {
          en: `chance is 10 %; ${PLANE_EPOCHS} epochs, a hundredth of the paper’s training`,
          zh: `随机猜测为 10 %；训练 ${PLANE_EPOCHS} 轮，为论文的百分之一`,
        }),
      };
    },
  ),
];

const lossOf = ({
  testMetrics,
}: {
  readonly testMetrics?: Readonly<Record<string, number>> | undefined;
}): number => testMetrics?.loss ?? Number.POSITIVE_INFINITY;

const elsewhere: Claim[] = [
  unmeasured({
    id: 'monte-carlo-em',
    section: '5, figure 3',
    statement: {
      en: 'On few training images AEVB reaches a marginal likelihood as good as Monte Carlo EM, which cannot be applied to a full data set efficiently.',
      zh: '训练图像很少时，AEVB 的边缘似然不逊于蒙特卡洛 EM；后者难以高效用于整个数据集。',
    },
    paperSays: '—',
    rule: { en: '', zh: '' },
    needs: {
      en: 'needs a hybrid Monte Carlo sampler, which is not built here',
      zh: '需要混合蒙特卡洛采样器，此处没有实现',
    },
  }),
  unmeasured({
    id: 'frey-faces',
    section: '5, figure 2',
    statement: {
      en: 'The same holds on the Frey faces, with normal pixels.',
      zh: '在 Frey 人脸数据上（像素取正态分布）结论相同。',
    },
    paperSays: '—',
    rule: { en: '', zh: '' },
    needs: { en: 'needs the Frey faces', zh: '需要 Frey 人脸数据' },
  }),
];

export const claims: readonly Claim[] = [...counting, ...training, ...elsewhere];
