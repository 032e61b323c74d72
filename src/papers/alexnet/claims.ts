import type { Claim, Judgement, Text } from '../claims/claim.js';
import { resultsOf, withSeeds } from '../claims/claim.js';
import {
  compared,
  divergence,
  measuredIn,
  overfit,
  single,
  testError,
  trainError,
  unmeasured,
} from '../claims/kinds.js';
import { difference, isClear, show, summarise } from '../claims/statistics.js';
import { conditionsClaim } from './claims-conditions.js';
import { countedClaims } from './claims-counted.js';
import { figure1Claim } from './figure1.js';
import type { Activation } from './layers.js';
import * as variants from './variants.js';

const SEEDS = [0, 1, 2];
/** Seeds of trend-only claims, whose verdict would not change with more seeds. */
const TWO_SEEDS = [0, 1];

const IMAGENET: Text = {
  en: 'needs ImageNet and weeks on a two-core machine',
  zh: '需要 ImageNet 数据，在双核机器上需训练数周',
};
const SMALL: Text = {
  en: 'CIFAR-10 and a small network instead of ImageNet',
  zh: '用 CIFAR-10 和小网络代替 ImageNet',
};
const REDUCED: Text = {
  en: 'CIFAR-10 at 63 × 63, 512 hidden units and four epochs instead of ImageNet',
  zh: '用 63 × 63 的 CIFAR-10、512 个隐单元、4 轮训练代替 ImageNet',
};

const figure1Rule = (extra: Text): Text => ({
  en: `epochs until the running training error of the four-layer network reaches 25 %, interpolated linearly between epochs; for each activation the best learning rate, with a worse rate tried on either side, chosen with a separate seed; three seeds; no regularisation. ${extra.en}`,
  zh: `四层网络的训练误差（逐轮统计）降到 25 % 所需的轮数，轮间线性插值；每种激活函数取最佳学习率（用单独的种子选出，且两侧各有一个更差的学习率）；三个种子；无正则化。${extra.zh}`,
});

const tanhVerdict = (ratios: ReadonlyMap<Activation, number>): Pick<Judgement, 'verdict' | 'reason'> => {
  const ratio = ratios.get('tanh')!;
  if (ratio >= 4) return { verdict: 'confirmed' };
  if (ratio <= 1)
    return {
      verdict: 'refuted',
      reason: {
        en: 'tanh is not slower here; the paper does not state its network and initialisation',
        zh: '此处 tanh 并不更慢；论文未说明所用网络与初始化',
      },
    };
  return {
    verdict: 'trend only',
    reason: {
      en: 'ReLU is faster, but by less than in the paper, which does not state its network and initialisation',
      zh: 'ReLU 更快，但倍数不及论文；论文未说明所用网络与初始化',
    },
  };
};

const NONE: Text = { en: 'none', zh: '无' };
const plain = { label: NONE, variant: variants.plainNet };

/** Claims measured by training on CIFAR-10. */
const measured: readonly Claim[] = [
  figure1Claim(
    {
      id: 'relu-tanh',
      section: '3.1',
      order: 1,
      statement: {
        en: 'A four-layer network with ReLUs reaches 25 % training error on CIFAR-10 six times faster than one with tanh (Figure 1).',
        zh: '在 CIFAR-10 上，用 ReLU 的四层网络达到 25 % 训练误差的速度是 tanh 的六倍（图 1）。',
      },
      paperSays: 'tanh/relu 6',
      rule: figure1Rule({
        en: 'Confirmed if ReLU is at least 4 times faster; refuted if tanh is at least as fast; otherwise a trend.',
        zh: 'ReLU 快四倍及以上为证实；tanh 不慢于 ReLU 为不成立；介于其间为趋势。',
      }),
    },
    ['tanh'],
    tanhVerdict,
  ),
  figure1Claim(
    {
      id: 'relu-tanh-small-start',
      section: '3.1',
      order: 4,
      statement: {
        en: 'The same claim with the small initial weights of the author’s own code, which the paper may have used.',
        zh: '同上，但采用作者代码中的小初始权重（论文可能采用了这种初始化）。',
      },
      paperSays: 'tanh/relu 6',
      rule: figure1Rule({
        en: 'Judged as the previous claim; weights from N(0, 0.0001²) in the first convolution (for inputs in bytes) and N(0, 0.01²) elsewhere.',
        zh: '判定方法同上；第一个卷积层（输入为字节值）取 N(0, 0.0001²)，其余取 N(0, 0.01²)。',
      }),
    },
    ['tanh'],
    tanhVerdict,
    'cuda-convnet',
  ),
  figure1Claim(
    {
      id: 'saturating',
      section: '3.1',
      order: 5,
      statement: {
        en: 'Saturating neurons (tanh, sigmoid) train much more slowly than non-saturating ones (ReLU, LeakyReLU).',
        zh: '饱和型神经元（tanh、sigmoid）的训练远慢于非饱和型（ReLU、LeakyReLU）。',
      },
      paperSays: '—',
      rule: figure1Rule({
        en: 'Confirmed if both saturating activations take at least 1.5 times as long as both others; refuted if a saturating one is faster than a non-saturating one.',
        zh: '两种饱和型激活函数的用时都至少是两种非饱和型的 1.5 倍即证实；若有饱和型快于非饱和型则不成立。',
      }),
    },
    ['leaky-relu', 'tanh', 'sigmoid'],
    (ratios) => {
      const slowest = Math.max(1, ratios.get('leaky-relu')!);
      const fastest = Math.min(ratios.get('tanh')!, ratios.get('sigmoid')!);
      if (fastest >= 1.5 * slowest) return { verdict: 'confirmed' };
      if (fastest < slowest) return { verdict: 'refuted' };
      return {
        verdict: 'trend only',
        reason: { en: 'slower, but by less than 1.5 times', zh: '更慢，但不到 1.5 倍' },
      };
    },
  ),
  conditionsClaim,
  compared({
    id: 'lrn-four-layer',
    section: '3.3',
    order: 2,
    statement: {
      en: 'Local response normalisation lowers the test error of a four-layer network on CIFAR-10.',
      zh: '局部响应归一化降低四层网络在 CIFAR-10 上的测试误差。',
    },
    paperSays: '13 % → 11 %',
    rule: {
      en: 'test error after 12 epochs, three seeds; confirmed or refuted if the difference exceeds twice its standard error',
      zh: '12 轮后的测试误差，三个种子；差值超过标准误的两倍时判定证实或不成立',
    },
    less: { label: 'LRN', variant: variants.lrnNet },
    more: plain,
    seeds: SEEDS,
    measure: testError,
  }),
  {
    id: 'batchnorm',
    section: 'notes',
    order: 3,
    statement: {
      en: 'Batch normalisation has replaced LRN, which helps little in comparison.',
      zh: 'LRN 作用有限，已被批归一化取代。',
    },
    paperSays: '—',
    rule: {
      en: 'test error of the four-layer network after 12 epochs, three seeds; confirmed if batch normalisation gains more than LRN by more than twice the standard error; refuted if LRN gains more by that margin',
      zh: '四层网络 12 轮后的测试误差，三个种子；批归一化的收益明显大于 LRN（差值超过标准误的两倍）即证实，明显小于 LRN 则不成立',
    },
    jobs: () =>
      [variants.plainNet, variants.lrnNet, variants.batchNormNet].flatMap((v) => withSeeds(v, SEEDS)),
    judge: (results) => {
      const all = [variants.plainNet, variants.lrnNet, variants.batchNormNet];
      const lost = all.find((v) => resultsOf(results, v, SEEDS).some(({ diverged }) => diverged));
      if (lost) return divergence(lost.id);
      const error = (v: (typeof variants)['plainNet']) =>
        summarise(resultsOf(results, v, SEEDS).map(testError));
      const [none, lrn, batch] = all.map(error) as [
        ReturnType<typeof error>,
        ReturnType<typeof error>,
        ReturnType<typeof error>,
      ];
      const gain = difference(lrn, batch);
      return {
        verdict: !isClear(gain) ? 'trend only' : gain.value > 0 ? 'confirmed' : 'refuted',
        ...measuredIn({
          en: `none ${show(none)} %, LRN ${show(lrn)} %, batch norm ${show(batch)} %`,
          zh: `无 ${show(none)} %, LRN ${show(lrn)} %, 批归一化 ${show(batch)} %`,
        }),
        ...(isClear(gain)
          ? {}
          : {
              reason: {
                en: 'the difference between the two is within the spread over seeds',
                zh: '两者之差没有超出不同种子之间的波动',
              },
            }),
      };
    },
  },
  compared({
    id: 'overlapping-pooling',
    section: '3.4',
    order: 6,
    statement: {
      en: 'Overlapping pooling (window 3, stride 2) has lower error than 2 × 2 pooling.',
      zh: '重叠池化（窗口 3、步幅 2）的误差低于 2 × 2 池化。',
    },
    paperSays: 'top-1 −0.4, top-5 −0.3',
    rule: {
      en: 'test error of the four-layer network after 12 epochs, two seeds',
      zh: '四层网络 12 轮后的测试误差，两个种子',
    },
    less: { label: '3/2', variant: variants.plainNet },
    more: { label: '2/2', variant: variants.plainPoolingNet },
    seeds: TWO_SEEDS,
    measure: testError,
    trend: SMALL,
  }),
  compared({
    id: 'augmentation',
    section: '4.1',
    order: 7,
    statement: {
      en: 'Randomly shifted and mirrored images reduce overfitting.',
      zh: '平移与镜像增强可减轻过拟合。',
    },
    paperSays: '—',
    rule: {
      en: 'test error minus training error of the four-layer network after 12 epochs, two seeds',
      zh: '四层网络 12 轮后测试误差与训练误差之差，两个种子',
    },
    less: { label: { en: 'augmented', zh: '增强' }, variant: variants.augmentedNet },
    more: { label: { en: 'plain', zh: '不增强' }, variant: variants.plainNet },
    seeds: TWO_SEEDS,
    measure: overfit,
    trend: SMALL,
  }),
  compared({
    id: 'weight-decay',
    section: '5',
    order: 8,
    statement: {
      en: 'Weight decay of 0.0005 is more than a regulariser: it also lowers the training error.',
      zh: '0.0005 的权重衰减不只是正则化：它还降低训练误差。',
    },
    paperSays: '—',
    rule: {
      en: 'training error of the four-layer network over the last of 12 epochs, two seeds',
      zh: '四层网络第 12 轮的训练误差，两个种子',
    },
    less: { label: { en: 'decay 5e-4', zh: '衰减 5e-4' }, variant: variants.decayNet },
    more: { label: NONE, variant: variants.plainNet },
    seeds: TWO_SEEDS,
    measure: trainError,
    trend: SMALL,
  }),
  compared({
    id: 'dropout',
    section: '4.2',
    order: 9,
    statement: {
      en: 'Without dropout the network overfits substantially.',
      zh: '不用 dropout 时网络明显过拟合。',
    },
    paperSays: '—',
    rule: {
      en: 'test error minus training error after four epochs, two seeds; the training error is measured with dropout active',
      zh: '4 轮后测试误差与训练误差之差，两个种子；训练误差是在 dropout 生效时统计的',
    },
    less: { label: 'dropout', variant: variants.trendNet },
    more: { label: NONE, variant: variants.trendWithoutDropout },
    seeds: TWO_SEEDS,
    measure: overfit,
    trend: REDUCED,
  }),
  compared({
    id: 'dropout-iterations',
    section: '4.2',
    order: 9,
    statement: {
      en: 'Dropout roughly doubles the number of iterations to converge.',
      zh: 'Dropout 使收敛所需的迭代次数大约翻倍。',
    },
    paperSays: '2',
    rule: {
      en: 'training loss over the fourth epoch, with and without dropout, two seeds; only the direction is judged',
      zh: '有无 dropout 时第 4 轮的训练损失，两个种子；只看方向',
    },
    less: { label: NONE, variant: variants.trendWithoutDropout },
    more: { label: 'dropout', variant: variants.trendNet },
    seeds: TWO_SEEDS,
    measure: (result) => result.epochs.at(-1)!.trainLoss,
    unit: '',
    trend: REDUCED,
  }),
  compared({
    id: 'two-towers',
    section: '3.2',
    order: 10,
    statement: {
      en: 'A two-tower network has lower error than one tower with half as many kernels in each convolutional layer.',
      zh: '双塔网络的误差低于每个卷积层核数减半的单塔网络。',
    },
    paperSays: 'top-1 −1.7, top-5 −1.2',
    rule: {
      en: 'test error after four epochs, two seeds; as in the paper, the half-width network keeps the full last convolution',
      zh: '4 轮后的测试误差，两个种子；减半网络的最后一个卷积层保持不变，与论文一致',
    },
    less: { label: { en: 'two towers', zh: '双塔' }, variant: variants.trendNet },
    more: { label: { en: 'half-sized', zh: '减半' }, variant: variants.trendHalfNet },
    seeds: TWO_SEEDS,
    measure: testError,
    trend: REDUCED,
  }),
  ...(['3', '4'] as const).map((layer) =>
    compared({
      id: `depth-conv${layer}`,
      section: '7',
      order: 11,
      statement: {
        en: `Depth matters: removing a middle layer (conv ${layer}) raises the error.`,
        zh: `深度很重要：去掉一个中间层（conv ${layer}）误差上升。`,
      },
      paperSays: 'top-1 +2',
      rule: { en: 'test error after four epochs, two seeds', zh: '4 轮后的测试误差，两个种子' },
      less: { label: { en: 'all five layers', zh: '五层' }, variant: variants.trendNet },
      more: {
        label: { en: `without conv ${layer}`, zh: `去掉 conv ${layer}` },
        variant: layer === '3' ? variants.trendWithoutConv3 : variants.trendWithoutConv4,
      },
      seeds: TWO_SEEDS,
      measure: testError,
      trend: REDUCED,
    }),
  ),
  single({
    id: 'notes-template',
    section: 'notes',
    order: 12,
    statement: {
      en: 'The notes’ training template, ten epochs of AlexNet at 224 × 224, classifies CIFAR-10.',
      zh: '笔记中的训练模板（224 × 224 的 AlexNet 训练 10 轮）能够分类 CIFAR-10。',
    },
    paperSays: '—',
    rule: {
      en: 'accuracy on the 10,000 test images after ten epochs; confirmed from 50 %, five times chance',
      zh: '10 轮后在 10,000 张测试图像上的准确率；达到 50 %（随机猜测的五倍）即证实',
    },
    variant: variants.notesTenEpochs,
    measure: (result) => 100 - testError(result),
    digits: 1,
    holds: (accuracy) => accuracy >= 50,
  }),
];

const needsImageNet = (id: string, section: string, statement: Text, paperSays: string): Claim =>
  unmeasured({
    id,
    section,
    statement,
    paperSays,
    needs: IMAGENET,
    rule: { en: 'error on ImageNet’s validation set', zh: 'ImageNet 验证集上的误差' },
  });

const imageNetClaims: readonly Claim[] = [
  needsImageNet(
    'ilsvrc-2010',
    '6',
    {
      en: 'On ILSVRC-2010 the network has top-1 and top-5 errors of 37.5 % and 17.0 %.',
      zh: '在 ILSVRC-2010 上，top-1 与 top-5 误差为 37.5 % 与 17.0 %。',
    },
    '37.5 %, 17.0 %',
  ),
  needsImageNet(
    'ilsvrc-2012',
    '6',
    {
      en: 'On ILSVRC-2012 one network has a top-5 error of 18.2 % (top-1 40.7 %).',
      zh: '在 ILSVRC-2012 上，单个网络的 top-5 误差为 18.2 %（top-1 为 40.7 %）。',
    },
    '40.7 %, 18.2 %',
  ),
  needsImageNet(
    'ten-crops',
    '6',
    {
      en: 'Averaging predictions over ten crops improves the errors from 39.0 % and 18.3 % to 37.5 % and 17.0 %.',
      zh: '对十个裁剪的预测取平均，误差从 39.0 %、18.3 % 降到 37.5 %、17.0 %。',
    },
    '39.0 → 37.5 %, 18.3 → 17.0 %',
  ),
  needsImageNet(
    'lrn-imagenet',
    '3.3',
    {
      en: 'On ImageNet, LRN reduces the top-1 and top-5 errors by 1.4 and 1.2 points.',
      zh: '在 ImageNet 上，LRN 使 top-1、top-5 误差分别下降 1.4 与 1.2 个百分点。',
    },
    '−1.4, −1.2',
  ),
  needsImageNet(
    'pca-colour',
    '4.1',
    {
      en: 'Shifting colours along their principal components reduces the top-1 error by over 1 point.',
      zh: '沿主成分扰动颜色使 top-1 误差下降超过 1 个百分点。',
    },
    '−1',
  ),
  needsImageNet(
    'tower-kernels',
    '6.1',
    {
      en: 'The kernels of the first tower are largely colour-agnostic, those of the second largely colour-specific (Figure 3).',
      zh: '第一塔的卷积核大多与颜色无关，第二塔的大多与颜色有关（图 3）。',
    },
    '—',
  ),
  needsImageNet(
    'nearest-neighbours',
    '6.1',
    {
      en: 'Images with similar activations in the last hidden layer (Euclidean distance) look alike to people, though not pixel by pixel (Figure 4).',
      zh: '最后一个隐层激活值（欧氏距离）相近的图像，在人看来也相似，尽管逐像素并不接近（图 4）。',
    },
    '—',
  ),
];

export const claims: readonly Claim[] = [...countedClaims, ...measured, ...imageNetClaims];
